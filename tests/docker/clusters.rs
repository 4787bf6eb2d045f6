//! Clusters that several tests use.

/// Three nodes that wait, and obey SIGTERM.
pub const THREE: &str = "
containers:
  n1: { image: 'blockade-test:1' }
  n2: { image: 'blockade-test:1' }
  n3: { image: 'blockade-test:1' }
";

/// Three nodes that ask each other a thousand times a second, by IPv4 and IPv6, and tell whom they hear.
pub const TALKERS: &str = "
containers:
  n1: { image: 'blockade-test:1', command: 'talker 7000 ${ip:n2} ${ip:n3}' }
  n2: { image: 'blockade-test:1', command: 'talker 7000 ${ip:n1} ${ip:n3}' }
  n3: { image: 'blockade-test:1', command: 'talker 7000 ${ip:n1} ${ip:n2}' }
";
