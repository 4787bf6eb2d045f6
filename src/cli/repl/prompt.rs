//! The prompt: it says what is wrong with the cluster, so that no fault is forgotten. Pure.

use crate::engine::FaultInfo;
use crate::words::counted;

/// So many characters of it may name faults.
const NAMES: usize = 40;

/// `blockade> `, or `2 faults: f1 partition, f2 slow> `; without the names where they are too long.
pub(super) fn prompt(faults: &[FaultInfo]) -> String {
    let names: Vec<String> = faults.iter().map(|info| format!("{} {}", info.id, info.fault.kind())).collect();
    let names = names.join(", ");
    let number = counted(faults.len(), "fault");
    match names.chars().count() {
        0 => "blockade> ".to_owned(),
        1..=NAMES => format!("{number}: {names}> "),
        _ => format!("{number}> "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn it_names_the_faults_as_long_as_there_is_room() {
        let fault = |number: usize| FaultInfo {
            id: format!("f{number}").try_into().unwrap(),
            fault: Fault::Isolate { nodes: vec!["n1".to_owned()] },
            keep: false,
            by: Vec::new(),
        };
        let faults: Vec<FaultInfo> = (1..=20).map(fault).collect();
        assert_eq!(prompt(&[]), "blockade> ");
        assert_eq!(prompt(&faults[..1]), "1 fault: f1 isolate> ");
        assert_eq!(prompt(&faults[..2]), "2 faults: f1 isolate, f2 isolate> ");
        assert_eq!(prompt(&faults), "20 faults> ");
    }
}
