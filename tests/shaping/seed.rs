//! A seed says which packets the user-space shaper loses.

use super::common::{Place, User, namespaces};
use super::stream::{Heard, cluster, heard};

/// Which of 2,000 packets arrive at n2 and at n3, and how often.
fn arrive(seed: &str) -> [Vec<usize>; 2] {
    // Only the stream's own packets count: what a kernel says by itself it says when it likes.
    let script = r#"
        flaky(from("n1").on(#{ proto: "udp" }), 0.3);
        duplicate(link("n1", "n3").on(#{ proto: "udp" }), 0.2);
        exec("n1", "touch go");
        wait_log("n1", "sent", "60s");
        for node in ["n2", "n3"] {
            // First in, first out: once what was sent last is there, so is all that arrives of the stream.
            wait_log(node, "^-1 ", "20s");
            note(`${node}: ${logs(node)}`);
        }
    "#;
    let place = Place::with(script, &cluster("0.0005", 2_000));
    place
        .blockade(&["run", "s.rhai", "--seed", seed, "--out", "out", "--runtime", "netns", "--shaper", "userspace"])
        .with(0);
    ["n2", "n3"].map(|node| heard(&place, node).iter().map(|Heard { number, .. }| *number).collect())
}

#[test]
fn the_same_seed_loses_the_same_packets_of_two_thousand() {
    if namespaces(User::Ours) {
        let first = arrive("7");
        let [plain, copied] = &first;
        let mut once = copied.clone();
        once.dedup();
        for arrived in [plain, &once] {
            assert!((1_200..1_600).contains(&arrived.len()), "{} of 2000", arrived.len());
        }
        assert!((150..450).contains(&(copied.len() - once.len())), "{} copies", copied.len() - once.len());
        // Each link has chances of its own.
        assert!(*plain != once);
        assert!(arrive("7") == first, "the same seed lost other packets");
        assert!(arrive("8") != first);
    }
}
