//! A link whose impairment moves from its sender's classes to its receiver's queue and back, under a flood: nothing passes
//! on the way.

use super::alone;
use super::common::{Place, User, namespaces};

const FLOOD: &str = r#"
use Socket; use Time::HiRes qw(sleep);
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
# More than the link holds, which therefore loses packets: a full buffer would stop the flood.
setsockopt($s, SOL_SOCKET, 32, 8 << 20) or setsockopt($s, SOL_SOCKET, SO_SNDBUF, 8 << 20);
my $at = pack_sockaddr_in(7000, inet_aton($ARGV[0]));
my $text = "x" x 1400;
sleep 0.01 until -e "go";
until (-e "stop") { send($s, $text, 0, $at) for 1 .. 20; }
"#;
/// Prints when each packet came, microseconds.
const HEAR: &str = r#"
use Socket; use Time::HiRes qw(time);
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
setsockopt($s, SOL_SOCKET, SO_RCVBUF, 8 << 20);
bind($s, pack_sockaddr_in(7000, INADDR_ANY)) or die;
$| = 1;
print "ready\n";
while (1) { defined recv($s, my $text, 2000, 0) and printf "%d\n", time * 1e6; }
"#;

/// With a second kind of packets the bandwidth is shared by both, which is the shaper's work and no class's.
const SCRIPT: &str = r#"
throttle(link("n1", "n2"), "64kbit");
exec("n1", "touch go");
sleep("500ms");
for round in 0..40 {
    let other = slow(link("n1", "n2").on(#{ proto: "tcp", port: 80 }), "5ms");
    sleep("20ms");
    other.heal();
    sleep("20ms");
}
exec("n1", "touch stop");
sleep("300ms");
note(`n2: ${logs("n2")}`);
"#;

#[test]
fn nothing_passes_a_bandwidth_that_moves_from_one_end_to_the_other() {
    if !namespaces(User::Ours) {
        return;
    }
    let _alone = alone();
    let nodes = format!(
        "nodes:\n  n1: {{ command: [perl, flood.pl, '${{ip:n2}}'], files: {{ flood.pl: {FLOOD:?} }} }}\n  \
         n2: {{ command: [perl, hear.pl], files: {{ hear.pl: {HEAR:?} }}, ready: {{ log: ready }} }}\n"
    );
    let place = Place::with(SCRIPT, &nodes);
    place.run(&["--runtime", "netns"]).with(0);
    let journal = place.lines("out/journal.jsonl");
    let notes = journal.iter().filter_map(|event| event["message"].as_str());
    let log = notes.filter_map(|note| note.strip_prefix("n2: ")).next_back().unwrap();
    let came: Vec<u64> = log.lines().filter_map(|line| line.parse().ok()).collect();
    // A packet takes 178 ms; each end may let two pass at once, and what waits at the one goes beside the other's. A busy
    // machine reads some late and together. In an open millisecond a hundred pass.
    let burst = |at: usize| came[at..].iter().take_while(|us| **us < came[at] + 10_000).count();
    let most = (0..came.len()).map(burst).max().unwrap_or(0);
    println!("{} came, {most} at once", came.len());
    assert!(came.len() > 5 && most <= 40, "of {} packets {most} at once", came.len());
}
