//! Times one piece of work, for programs that compare: `timings MODEL WORK BATCH [SECONDS]`.
//!
//! With SECONDS it prints one JSON object. Without, it prints "ready" and answers each line
//! "SECONDS" on standard input with one, as `peers/worker.py` does, so that both can be asked in
//! turn. It uses as many threads as it may run on cores, see `taskset`; `--list` names the models.

#![forbid(unsafe_code)]

use std::io::BufRead;
use std::process::ExitCode;

use pushforward_benches::{Job, Work, case, cases, time};
use pushforward_host::device::Device;
use serde_json::json;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (model, work, batch, seconds) = match words[..] {
        ["--list"] => {
            for case in cases() {
                println!("{:10} {}", case.name, case.title);
            }
            return Ok(());
        }
        [model, work, batch] => (model, work, batch, None),
        [model, work, batch, seconds] => (model, work, batch, Some(seconds)),
        _ => return Err("usage: timings MODEL WORK BATCH [SECONDS] | --list".into()),
    };
    let case = case(model).ok_or_else(|| format!("found model '{model}', see --list"))?;
    let batch = batch.parse().map_err(|_| "BATCH: expected a whole number")?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut job = match Work::ALL.into_iter().find(|w| w.name() == work) {
        Some(work) => case.job(work, batch, threads),
        None if work == "train" => {
            let device = Device::cpu(Some(threads)).expect("threads start");
            case.training(batch, &device, 1)
        }
        None => return Err("WORK: expected sample, sample+log_prob, log_prob or train".into()),
    };
    if let Some(seconds) = seconds {
        return answer(&mut job, seconds);
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        answer(&mut job, &line.map_err(|e| e.to_string())?)?;
    }
    Ok(())
}

fn answer(job: &mut Job, seconds: &str) -> Result<(), String> {
    let seconds = seconds.trim().parse().map_err(|_| "SECONDS: expected a number")?;
    let timing = time(job, seconds);
    println!(
        "{}",
        json!({
            "seconds": timing.seconds[0],
            "cpu_seconds": timing.seconds[1],
            "peak": timing.peak,
            "multiply_adds": job.multiply_adds,
            "microseconds_per_sample": timing.seconds_per_sample(job) * 1e6,
            "of_peak": timing.fraction(job),
            "threads": job.threads,
        })
    );
    Ok(())
}
