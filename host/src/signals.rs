//! Ctrl-C, `kill` and a closed terminal.
//!
//! The first signal asks: long loops look at [`received`] between chunks, write what can be gone on
//! from, and remove what is half written. The second ends the process at once. Either way the exit
//! code is 128 and the signal's number, as of a process that has no handler: 130 for SIGINT, 143
//! for SIGTERM, 129 for SIGHUP. A SIGHUP that whoever started the process had ignored (`nohup`)
//! stays ignored.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// The last signal, 0 before the first.
static RECEIVED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Handles the signals from now on. Where the work has nothing to tidy, `at_once`, the first one
/// ends the process.
pub fn listen(at_once: bool) {
    let asked = Arc::new(AtomicBool::new(at_once));
    for signal in SIGNALS.into_iter().filter(|&s| !ignored(s)) {
        // In this order, so that the signal that asks does not end. Without a handler a signal
        // still ends the process, only less tidily.
        let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))
            .and_then(|_| flag::register(signal, Arc::clone(&asked)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&RECEIVED), signal as usize));
    }
}

/// Whether a signal asked to stop.
pub fn received() -> bool {
    RECEIVED.load(Ordering::Relaxed) > 0
}

/// 128 and the number of the signal that was received.
pub(crate) fn exit_code() -> u8 {
    (128 + RECEIVED.load(Ordering::Relaxed)) as u8
}

/// Whether SIGHUP was ignored when the process started, where the system tells without `unsafe`.
fn ignored(signal: i32) -> bool {
    if signal == SIGINT || signal == SIGTERM {
        return false;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
