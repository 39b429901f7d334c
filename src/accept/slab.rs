//! Values in numbered places that are used again.

/// A place, and which of its tenants is meant: an event of a former one finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The place.
    pub(super) index: u32,
    /// How many tenants it had before, up to 24 bits.
    pub(super) generation: u32,
}

/// Generations that an event's 64 bits have room for.
const GENERATIONS: u32 = 1 << 24;

/// A vector with holes. Everything takes constant time.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<SlabCell<T>>,
    /// Holes; the last is filled first, so that the numbers stay low.
    free: Vec<u32>,
}

#[derive(Debug)]
struct SlabCell<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a value somewhere; gives it back where there are 2³² of them.
    pub(super) fn insert(&mut self, value: T) -> Result<Key, Box<T>> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => match u32::try_from(self.places.len()) {
                Ok(index) => {
                    self.places.push(SlabCell {
                        generation: 0,
                        value: None,
                    });
                    index
                }
                Err(_) => return Err(Box::new(value)),
            },
        };
        let Some(place) = self.places.get_mut(index as usize) else {
            return Err(Box::new(value));
        };
        place.value = Some(value);
        Ok(Key {
            index,
            generation: place.generation,
        })
    }

    /// The value that a key was given for, if it is still there.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        (place.generation == key.generation).then_some(place.value.as_mut())?
    }

    /// All values, with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let places = self.places.iter().zip(0..);
        places.filter_map(|(place, index)| {
            let generation = place.generation;
            Some((Key { index, generation }, place.value.as_ref()?))
        })
    }

    /// The keys of all values.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }

    /// Takes that value out.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation != key.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = (place.generation + 1) % GENERATIONS;
        self.free.push(key.index);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_one_value_only() {
        let mut slab = Slab::default();
        let first = slab.insert('a').unwrap();
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b').unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut 'b'));
        assert_eq!(slab.keys(), [second]);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn holes_are_filled_first() {
        let mut slab = Slab::default();
        let keys: Vec<_> = (0..100).map(|i| slab.insert(i).unwrap()).collect();
        keys.iter()
            .for_each(|&key| assert!(slab.remove(key).is_some()));
        assert!(slab.is_empty());
        (0..100).for_each(|i| assert!(slab.insert(i).unwrap().index < 100));
    }
}
