//! A sampler as one of the tasks of [embassy](https://embassy.dev): it hands over row after row, and lets others run
//! between two. So nobody waits longer than a row takes, which the task `heartbeat` measures.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::signal::Signal;

pushforward_codegen::model! {
    mod ising = "../models/default.safetensors";
}

/// A row: its index, its log-probability, its values.
type Row = (u64, f32, [i8; ising::DIM]);

/// The stream that rows are of, and how many are drawn.
const SEED: u64 = 1;
const ROWS: u64 = 20;
/// Ticks of the clock of 25 MHz between two beats: 10 ms.
const BEAT: u32 = 250_000;

static DRAWN: Channel<CriticalSectionRawMutex, Row, 2> = Channel::new();
/// Rows that are done, as the interrupt saw them, and as they are.
static BEATS: Signal<CriticalSectionRawMutex, u32> = Signal::new();
static DONE: AtomicU32 = AtomicU32::new(0);
/// Beats that were heard, and the most rows that were finished between a beat and its being heard.
static HEARD: AtomicU32 = AtomicU32::new(0);
static LATEST: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::task]
async fn sampler() {
    let mut scratch = ising::Scratch::new();
    for index in 0..ROWS {
        let mut row = [0; ising::DIM];
        let log_prob = ising::sample_with_log_prob(SEED, index, &mut row, &mut scratch);
        DONE.store(DONE.load(Relaxed) + 1, Relaxed);
        DRAWN.send((index, log_prob, row)).await;
        yield_now().await;
    }
}

#[embassy_executor::task]
async fn heartbeat() {
    loop {
        let then = BEATS.wait().await;
        HEARD.store(HEARD.load(Relaxed) + 1, Relaxed);
        LATEST.store(LATEST.load(Relaxed).max(DONE.load(Relaxed) - then), Relaxed);
    }
}

#[exception]
fn SysTick() {
    BEATS.signal(DONE.load(Relaxed));
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        beat(peripherals.SYST);
    }
    spawner.spawn(heartbeat().unwrap());
    spawner.spawn(sampler().unwrap());
    for _ in 0..ROWS {
        let (index, log_prob, row) = DRAWN.receive().await;
        let up = row.iter().filter(|spin| **spin > 0).count();
        hprintln!("row {} {:08x} {} up", index, log_prob.to_bits(), up);
    }
    let (heard, latest) = (HEARD.load(Relaxed), LATEST.load(Relaxed));
    hprintln!("heartbeat {} late {}", heard, latest);
    let kept = heard > 0 && latest <= 1;
    debug::exit(if kept { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
}

/// Starts the clock that beats.
fn beat(mut clock: SYST) {
    clock.set_clock_source(SystClkSource::Core);
    clock.set_reload(BEAT - 1);
    clock.clear_current();
    clock.enable_interrupt();
    clock.enable_counter();
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("error {}", info);
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
