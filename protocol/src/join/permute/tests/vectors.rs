//! The vectors in `protocol/vectors/permute.json`: networks, and which of their switches cross for a permutation.
//!
//! To write them anew after a change of the network (which must come with a new version of the join):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol permute_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Case {
    sources: Vec<u32>,
    switches: Vec<(usize, usize)>,
    /// A bit for each switch, as text: serialised shorter than a list.
    crosses: String,
}

impl Case {
    fn of(sources: Vec<u32>) -> Self {
        let network = Network::new(sources.len());
        let controls = controls(network, &sources);
        let mut switches = Vec::new();
        network.walk().pass(network.switches(), |upper, lower| switches.push((upper, lower)));
        let cross = |switch| if controls.at(switch) == 1 { '1' } else { '0' };
        Self { sources, crosses: (0..switches.len()).map(cross).collect(), switches }
    }
}

#[test]
fn permute_vectors_replay() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/permute.json");
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        let about = "Permutation networks, docs/protocols/join-permute.md: output wire j takes what input wire \
                     sources[j] brought; the switches in their order, by their two wires, and which of them cross.";
        let case = |wires| Case::of(permutation(wires, wires as u64));
        let cases = [1, 2, 3, 4, 5, 6, 7, 8, 13, 32].map(case).into();
        let text = serde_json::to_string(&Vectors { about: about.to_owned(), cases }).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(recorded.cases.iter().all(|case| *case == Case::of(case.sources.clone())));
    // By themselves they are right: no code of this module carries the wires.
    for Case { sources, switches, crosses } in recorded.cases {
        let mut wires: Vec<u32> = (0..sources.len() as u32).collect();
        for ((upper, lower), cross) in switches.iter().zip(crosses.chars()) {
            if cross == '1' {
                wires.swap(*upper, *lower);
            }
        }
        assert_eq!((wires, switches.len()), (sources, crosses.len()));
    }
}
