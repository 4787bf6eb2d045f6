//! A stream of numbered packets between programs in nodes, who need nothing of what is tested: which arrive, and how long
//! each takes.

use super::common::Place;

/// `send.pl` waits for a file `go`, then sends what is named to each of its addresses about a thousand times a second,
/// until there is a file `stop` or it has sent as many as it was told, and at last some of the number -1, of which one
/// arrives surely enough. `hear.pl` prints the number and the microseconds
/// of each.
pub(crate) const SEND: &str = r#"
use Socket; use Time::HiRes qw(time sleep);
my ($pause, $count, @to) = @ARGV;
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
my @at = map { pack_sockaddr_in(7000, inet_aton($_)) } @to;
sleep 0.01 until -e "go";
for (my $n = 0; $n < $count && !-e "stop"; $n++) {
    send($s, sprintf("%d %.6f", $n, time), 0, $_) for @at;
    sleep $pause;
}
for (1..40) { send($s, "-1 0", 0, $_) for @at; }
print "sent\n";
"#;
pub(crate) const HEAR: &str = r#"
use Socket; use Time::HiRes qw(time);
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
# As large a buffer as there may be: a busy machine comes late.
setsockopt($s, SOL_SOCKET, 33, 8 << 20) or setsockopt($s, SOL_SOCKET, SO_RCVBUF, 8 << 20);
bind($s, pack_sockaddr_in(7000, INADDR_ANY)) or die;
$| = 1;
print "ready\n";
while (1) {
    defined recv($s, my $text, 100, 0) or next;
    my ($n, $at) = split ' ', $text;
    printf "%d %d\n", $n, (time - $at) * 1e6;
}
"#;

/// `n1` sends to the others, that many packets at most, with that many seconds between.
pub(crate) fn cluster(pause: &str, count: usize) -> String {
    let program = |text: &str| format!("{text:?}");
    let hear =
        format!("{{ command: [perl, hear.pl], files: {{ hear.pl: {} }}, ready: {{ log: ready }} }}", program(HEAR));
    let send = format!(
        "{{ command: [perl, send.pl, '{pause}', '{count}', '${{ip:n2}}', '${{ip:n3}}'], files: {{ send.pl: {} }} }}",
        program(SEND)
    );
    format!("nodes:\n  n1: {send}\n  n2: {hear}\n  n3: {hear}\n")
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Heard {
    pub(crate) number: usize,
    pub(crate) took_us: u64,
}

/// What a script has noted of a node's log as `n2: LOG`, in the order of the numbers.
pub(crate) fn heard(place: &Place, node: &str) -> Vec<Heard> {
    let journal = place.lines("out/journal.jsonl");
    let notes = journal.iter().filter_map(|event| event["message"].as_str());
    let log = notes.filter_map(|note| note.strip_prefix(&format!("{node}: "))).next_back().unwrap().to_owned();
    let packet = |line: &str| {
        let (number, took) = line.split_once(' ')?;
        Some(Heard { number: number.parse().ok()?, took_us: took.parse().ok()? })
    };
    let mut heard: Vec<Heard> = log.lines().filter_map(packet).collect();
    heard.sort();
    heard
}
