//! Long lists by two threads: services are translated and written on two processors at once.

use std::thread;

/// Shorter lists are not worth a thread.
const WORTH_IT: usize = 32;

/// What `work` makes of both halves of a list, in their order; of a short list, or where no thread
/// is to be had, of the whole.
///
/// # Panics
/// If `work` does.
pub fn in_halves<T: Sync, R: Send>(list: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    if list.len() < WORTH_IT {
        return vec![work(list)];
    }
    let (first, second) = list.split_at(list.len() / 2);
    thread::scope(|scope| {
        let Ok(other) = thread::Builder::new().spawn_scoped(scope, || work(second)) else {
            return vec![work(list)];
        };
        let first = work(first);
        match other.join() {
            Ok(second) => vec![first, second],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_once_and_in_order() {
        for length in [0, 1, WORTH_IT - 1, WORTH_IT, WORTH_IT + 1] {
            let list: Vec<_> = (0..length).collect();
            let doubled = in_halves(&list, |half| half.iter().map(|n| n * 2).collect::<Vec<_>>());
            assert_eq!(doubled.len(), if length < WORTH_IT { 1 } else { 2 });
            let expected: Vec<_> = list.iter().map(|n| n * 2).collect();
            assert_eq!(doubled.concat(), expected);
        }
    }
}
