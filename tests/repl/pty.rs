//! A terminal of a test's own, with the binary in it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use super::common::{Place, until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::{Arc, Mutex};

/// A person's terminal.
pub struct Terminal {
    pub child: Child,
    keys: File,
    /// Everything that was written onto it.
    screen: Arc<Mutex<String>>,
    /// How much of that has been looked at.
    seen: usize,
}

impl Terminal {
    /// 80 columns, in which the binary runs.
    pub fn start(place: &Place, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = place.command(args);
        let end = || slave.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm");
        // SAFETY: only system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let keys = File::from(master);
        let (screen, from) = (Arc::new(Mutex::new(String::new())), keys.try_clone().unwrap());
        let writes = Arc::clone(&screen);
        std::thread::spawn(move || copy(from, &writes));
        Self { child, keys, screen, seen: 0 }
    }

    /// Types it.
    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line, once there is a prompt that ends so.
    pub fn enters(&mut self, line: &str) {
        self.sees("> ");
        self.types(&format!("{line}\r"));
    }

    /// Waits until this is on the screen, behind all that was waited for before.
    pub fn sees(&mut self, text: &str) {
        let screen = Arc::clone(&self.screen);
        let seen = self.seen;
        let find = || plain(&screen.lock().unwrap())[seen..].find(text).map(|at| seen + at + text.len());
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(text, || find().is_some())));
        assert!(found.is_ok(), "never seen: {text:?}, but\n{}", self.rest());
        self.seen = find().unwrap();
    }

    /// What was not waited for yet.
    pub fn rest(&self) -> String {
        plain(&self.screen.lock().unwrap())[self.seen..].to_owned()
    }

    /// Everything that was written, sequences for the terminal included.
    pub fn raw(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits for the binary's end: its exit code.
    pub fn ends(&mut self) -> i32 {
        until("the end", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended cannot be killed any more.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn copy(mut from: File, screen: &Mutex<String>) {
    let mut bytes = [0; 4096];
    let mut rest = Vec::new();
    // The last end of the terminal that is closed is an error.
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        rest.extend_from_slice(&bytes[..count]);
        let whole = std::str::from_utf8(&rest).map_or_else(|error| error.valid_up_to(), str::len);
        let text: Vec<u8> = rest.drain(..whole).collect();
        screen.lock().unwrap().push_str(&String::from_utf8(text).unwrap());
    }
}

/// Without what moves the cursor and colours the text.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // A control sequence ends with a letter.
            let _end = rest.find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}
