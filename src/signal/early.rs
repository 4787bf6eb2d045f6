//! Signals in a command's first moments, before anybody listens to them: there is nothing to heal yet, and the command
//! ends as it would later, with exit code 130, and not as one that died.
//!
//! Touches the process's signal handlers.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whoever listens now decides what a signal means.
static HEARD: AtomicBool = AtomicBool::new(false);

const SIGNALS: [i32; 2] = [libc::SIGINT, libc::SIGTERM];
const INTERRUPTED: i32 = 130;

/// From now on Ctrl-C and SIGTERM end this process with 130, until somebody listens. What was ignored when the process
/// began stays so.
pub fn end_on_signals() {
    SIGNALS.into_iter().for_each(handle);
}

/// Somebody listens: to be said as soon as they do. Their handlers call ours, which does nothing any more.
pub fn somebody_listens() {
    HEARD.store(true, Ordering::SeqCst);
}

fn handle(signal: i32) {
    // SAFETY: both structures are zeroed, which is a valid value, and outlive the calls; the handler only does what a
    // handler may.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut before);
        if before.sa_sigaction != libc::SIG_DFL {
            return;
        }
        let mut ours: libc::sigaction = std::mem::zeroed();
        ours.sa_sigaction = end as extern "C" fn(i32) as usize;
        ours.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const ours, std::ptr::null_mut());
    }
}

extern "C" fn end(_signal: i32) {
    const SAID: &[u8] = b"error: interrupted\n";
    if !HEARD.load(Ordering::SeqCst) {
        // SAFETY: both may be called in a handler.
        unsafe {
            libc::write(libc::STDERR_FILENO, SAID.as_ptr().cast(), SAID.len());
            libc::_exit(INTERRUPTED);
        }
    }
}
