use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Assignments {
    Assignments::parse(&Path::new("/etc/default/xinetd").into(), text.as_bytes())
}

/// The words of a variable with their lines and columns.
fn words(text: &str, name: &str) -> Vec<String> {
    let all = parse(text);
    assert_eq!(all.faults, [], "{text}");
    let words = all.get(name).map(Variable::words).unwrap_or_default();
    let shown = words.iter().map(|word| {
        let (text, place) = (String::from_utf8_lossy(&word.text), &word.place);
        format!("{text}@{}:{}+{}", place.line, place.column, place.length)
    });
    shown.collect()
}

#[test]
fn values_are_read_as_a_shell_reads_them() {
    let own = "# a comment\nINETD_COMPAT=Yes # why\nXINETD_OPTS=\"-stayalive  -f /x\"\n";
    assert_eq!(words(own, "INETD_COMPAT"), ["Yes@2:14+3"]);
    assert_eq!(
        words(own, "XINETD_OPTS"),
        ["-stayalive@3:14+10", "-f@3:26+2", "/x@3:29+2"]
    );
    assert_eq!(
        words("A='a$b'\\ c\"\\\"\\d\"", "A"),
        ["a$b@1:4+3", "c\"\\d@1:10+6"]
    );
    assert_eq!(
        words("A=1\nA=\"$A ${A}x\" B=2", "A"),
        ["1@2:4+1", "1x@2:7+5"]
    );
    assert_eq!(words("A=$NOTHING\n", "A"), [""; 0]);
    assert_eq!(words("export A=\"x\\\ny\"; B=z", "A"), ["xy@1:11+1"]);
}

#[test]
fn exported_variables_are_known() {
    let all = parse("A=1\nexport A B=2\nC=3");
    let exported: Vec<_> = all.iter().map(|(_, variable)| variable.exported).collect();
    assert_eq!(exported, [true, true, false]);
}

#[test]
fn what_takes_a_shell_has_a_place() {
    for (text, place, variable) in [
        ("A=`x` \nB=1", "1:3", Some("A")),
        ("\n A=\"$(x)\"\nB=1", "2:5", Some("A")),
        ("A=${A:-x}\nB=1", "1:3", Some("A")),
        ("B=1\nA=\"x\n", "2:3", Some("A")),
        ("B=1\nA=x|y", "2:4", Some("A")),
        (". /etc/other\nB=1", "1:1", None),
        ("A=1 command\nB=1", "1:1", None),
        ("B=1\nif test -x /x; then\nB=2\nfi", "2:1", None),
        ("B=1\nf() {", "2:1", None),
    ] {
        let all = parse(text);
        let [fault] = all.faults.as_slice() else {
            panic!("{text}: {:?}", all.faults);
        };
        assert_eq!(
            format!("{}:{}", fault.place.line, fault.place.column),
            place,
            "{text}"
        );
        assert_eq!(fault.variable.as_deref(), variable, "{text}");
        assert_eq!(all.get("B").unwrap().words()[0].text, b"1", "{text}");
        assert!(all.get("A").is_none(), "{text}");
    }
}

#[test]
fn what_a_shell_may_set_in_what_is_passed_over_is_known() {
    for (text, sets) in [
        ("if [ -x /x ]; then\n\tA=\"-f /x\"\nfi\n", true),
        ("[ -x /x ] && A=1\n", true),
        ("[ -x /x ] &&\n  A=1\n", true),
        ("test -x /x || \\\nA=1\n", true),
        ("A+=1\n", true),
        ("if [ -x /x ]; then\n# A=1\nBA=1\nA1=2\nfi\n", false),
        ("ulimit -n 5\n", false),
    ] {
        let all = parse(text);
        let [fault] = all.faults.as_slice() else {
            panic!("{text}: {:?}", all.faults);
        };
        assert_eq!(fault.may_set("A"), sets, "{text}");
        assert!(all.get("A").is_none(), "{text}");
    }
    let sourced = parse(". /etc/other; B=1\n");
    assert_eq!(sourced.faults[0].sourced(), Some(Path::new("/etc/other")));
}

proptest! {
    /// Whatever stands there, it is read to its end.
    #[test]
    fn rubbish_ends(text in "[A-B=$ {}'\"`\\\\;#\n(x]{0,60}") {
        for (_, variable) in parse(&text).iter() {
            variable.words();
        }
    }
}
