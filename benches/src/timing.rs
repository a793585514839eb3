//! The host library's clock, read together with CPU time.

use cpu_time::ProcessTime;
use pushforward_host::timing::{self, Job, Timing, clock};

/// Runs a job over and over for about this many seconds. Of the two clocks the first is that on the
/// wall and the second CPU time: less where other programs had the core.
pub fn time(job: &mut Job, seconds: f64) -> Timing<2> {
    let (mut wall, start) = (clock::wall(), ProcessTime::now());
    timing::time(job, seconds, &mut || {
        let [wall] = wall();
        [wall, start.elapsed().as_secs_f64()]
    })
}
