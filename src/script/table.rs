//! The functions of the script API as a table: name, signature, one line of what it does. Diagnostics read it, and a
//! test holds it against what is registered, so that no function is missing here.

/// One way to call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub signature: &'static str,
    /// What it does, one line.
    pub summary: &'static str,
}

impl Builtin {
    /// The names of its arguments.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        let inside = self.signature.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
        inside.split(", ").filter(|name| !name.is_empty())
    }

    /// Whether it injects a fault and returns its handle.
    pub(super) fn is_fault(&self) -> bool {
        super::reference::is_fault(self.name)
    }
}

macro_rules! builtins {
    ($($name:ident $arguments:literal $summary:literal)*) => {
        /// All of them, by group.
        pub const BUILTINS: &[Builtin] = &[$(Builtin {
            name: stringify!($name),
            signature: concat!(stringify!($name), "(", $arguments, ")"),
            summary: $summary,
        }),*];
    };
}

builtins! {
    partition "groups" "nodes reach each other only inside a common group: [[\"n1\", \"n2\"], \"n3\"]; nodes not named form one more"
    isolate "nodes" "the nodes reach nobody else, and not each other"
    one_way "source, target" "packets travel only from source to target; the way back is dropped"
    block "links" "the links drop everything"
    block "a, b" "everything that travels from a to b is dropped"
    reject "links" "the links answer with ICMP unreachable or a TCP reset"
    reject "a, b" "everything that travels from a to b is answered so"
    slow "links, delay" "the links are slower by a duration, or by #{ delay, jitter, correlation, distribution }"
    flaky "links, loss" "the links lose packets with a probability, or by #{ loss, correlation }"
    duplicate "links, p" "packets arrive twice with this probability"
    corrupt "links, p" "packets arrive with a flipped bit with this probability"
    reorder "links, p" "packets overtake each other with this probability"
    throttle "links, rate" "the links carry no more than a rate like \"10mbit\""
    degrade "links, how" "several at once: #{ delay, jitter, loss, duplicate, corrupt, reorder, rate }"
    pause "nodes" "freezes all processes of the nodes; heal() or resume() lets them go on"
    stop "nodes" "stops the nodes' programs with their own signal and grace; heal() or start() starts them again"
    kill "nodes" "ends the nodes with SIGKILL; heal() or start() starts them again"
    kill "nodes, signal" "sends a signal like \"SIGTERM\" to the nodes' programs"
    link "a, b" "the links from a to b"
    between "a, b" "the links between a and b, both directions"
    from "a" "all links that leave a"
    to "a" "all links that reach a"
    on "links, filter" "narrows links to packets of a proto, port or family, behind a dot"
    heal "" "heals every fault but those marked keep()"
    heal "fault" "heals one: fault.heal()"
    keep "fault" "exempts a fault from heal(), join() and fast(): fault.keep()"
    join "" "heals the cuts only, but those marked keep()"
    fast "" "heals the impairments only, but those marked keep()"
    fast "nodes" "heals the impairments of what these nodes send"
    during "fault, duration" "sleeps, then heals the fault"
    faults "" "the active faults, oldest first"
    nodes "" "the names of all nodes, in the cluster's order"
    nodes "glob" "the names that match"
    start "nodes" "starts nodes that are down"
    restart "nodes" "stops and starts nodes; their addresses and faults stay"
    resume "nodes" "lets frozen nodes go on"
    status "node" "\"UP\", \"DOWN\" or \"PAUSED\""
    ip "node" "the node's first address"
    exec "node, command" "runs a program in the node: #{ code, stdout, stderr, ok, timed_out, took }"
    exec "node, command, options" "the same with #{ timeout, stdin }"
    logs "node" "what the node's program has printed"
    logs "node, options" "only its end: #{ last: 100 }"
    wait_log "node, regex, timeout" "waits until a line of the node's log matches"
    tcp "node, port" "does the node accept a TCP connection on this port?"
    http "node, request" "one HTTP request: #{ port, path, method, body, headers, timeout, from } → #{ status, body, ok, error, took }; within 5 s, from the world, where not said"
    probe "a, b" "one packet there and back: #{ ok, rtt, lost }"
    reachable "a, b" "does one packet that a sends arrive at b?"
    sleep "duration" "waits: 5, 0.5, 100.ms, \"1.5s\""
    sleep_until "time" "waits until this time since the start of the run"
    elapsed "" "seconds since the start of the run"
    wait_until "timeout, condition" "waits until || condition holds; fails the run if it does not"
    eventually "timeout, condition" "asserts that || condition comes true in time"
    always "duration, condition" "asserts that || condition stays true"
    random "" "a number from 0 up to, not including, 1"
    random "low, high" "a number between; of integers, both ends are included"
    random_duration "low, high" "a duration between two"
    exponential "mean" "a duration, exponentially distributed"
    chance "p" "true with this probability: 0.3 or \"30%\""
    choose "list" "one item"
    sample "list, count" "so many different items"
    shuffle "list" "the items in a random order"
    random_partition "" "random groups of all nodes but neutral and holy ones, for partition()"
    seed "" "the run's seed"
    param "name, default" "what --set name=value gave, in the default's type"
    state "key" "a value that all functions of the run share"
    state "key, value" "sets it"
    assert "condition" "fails the run unless the condition holds"
    assert "condition, message" "fails the run unless the condition holds"
    fail "message" "fails the run"
    note "message" "writes into the timeline and the journal"
    metric "name, value" "records a number"
    usage_error "message" "for modules: ends the script, for it was called wrongly; exit code 2"
    usage_error "message, help" "the same, and says what to write instead"
    timed_out "message" "for modules: fails the run like a wait_until that ran out, and may be caught like it"
    options "given, defaults" "for modules: the map of defaults, with what was given in their place; an unknown key is an error"
    without_holy "nodes" "for modules: these nodes but the holy ones, whose links no fault may touch"
    without_neutral "nodes" "for modules: these nodes but the neutral ones, which no partition cuts"
    healing "function" "for modules: runs a function, and however that ends, heals what faults it made"
    seconds "duration" "a duration like \"100ms\" as a number of seconds"
    to_base64 "text" "text in base64"
    from_base64 "text" "the text that base64 stands for"
    task "function" "runs a function beside the script: a Task, with .join(), .cancel(), .done and .name"
    every "duration, function" "runs a function at every multiple of a duration; rounds do not overlap"
    after "duration, function" "runs a function once, later"
    join "task" "waits for a task's end and gives its value: task.join()"
    cancel "task" "ends a task where it waits: task.cancel()"
    op "f, value, function" "records an operation of this task: ok with what || … gives, fail where it throws definite_failure(), else info → #{ type, value, error }"
    op "f, key, value, function" "the same for one of many objects"
    workload "command" "runs a program on the host that prints operations, one JSON object a line: {\"process\", \"type\", \"f\", \"key\", \"value\"} → #{ code, ok, ops }"
    workload "command, options" "the same, killed after #{ timeout }, or in the node #{ node }"
    check_linearizable "model" "claims that the history is one of a register, cas-register, kv, lock, queue, counter or set that every operation found at one moment: #{ verdict, message, operations }"
    check_linearizable "model, options" "the same with #{ timeout }; 60 s where not said, then it is unknown"
    check_set "final_read" "claims that every acknowledged `add` is in a list, once, and nothing that was never added: #{ verdict, acknowledged, lost, unexpected, duplicated, recovered }"
    history "" "what was recorded of operations, in order: #{ index, t, process, type, f, key, value, error }, type \"invoke\", \"ok\", \"fail\" or \"info\""
    ops "" "the same"
    ops "filter" "of it what agrees with all of #{ type, f, key, process }"
    definite_failure "message" "throws, within op(): the operation was definitely not done"
    verify "" "measures every impaired link with probes, and fails where it does not do what was asked: #{ link, asked, measured } of each"
}
