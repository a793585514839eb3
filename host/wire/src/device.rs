//! The instrument's end of the line: a state machine that is polled.

use crate::frame::{Decoder, Direction, encode};
use crate::message::{Info, Refusal, Reply, Request, Slice, Sums};
use crate::{QUEUE, VERSION, checksum};

/// The largest rank of a threshold.
pub const RANKS: usize = 32;

/// A line, without waiting.
pub trait Serial {
    /// A byte that has arrived.
    fn read(&mut self) -> Option<u8>;
    /// Sends a byte; whether there was room for it.
    fn write(&mut self, byte: u8) -> bool;
}

/// The model behind the line.
pub trait Sampler {
    /// What does not change; the counts of frames and `given` are the instrument's to fill in.
    fn info(&self) -> Info<'_>;
    /// Sets the context.
    fn set_context(&mut self, bytes: &[u8]);
    /// Draws a row along with the bits of its log-probability.
    fn draw(&mut self, seed: u64, index: u64) -> (u32, &[u8]);
    /// The log-probability of a row, of the right length.
    fn log_prob(&mut self, row: &[u8]) -> f32;
    /// One comparison of the self-test; `None` after the last.
    fn self_test(&mut self, step: u32) -> Option<bool>;
    /// Draws a row and returns its log-probability at the row, as [`Sampler::log_prob`] has it.
    fn draw_and_score(&mut self, seed: u64, index: u64) -> f32;
    /// Draws a row and returns its ln w against an Ising model of this width and β × coupling; `None` if
    /// rows are no such lattices.
    fn weigh(&mut self, seed: u64, index: u64, width: u32, coupling: f32) -> Option<f64>;
    /// Bits that nobody can foresee, as far as the board has any; zeros if not.
    fn entropy(&mut self) -> u64;
}

/// What takes more than one turn.
#[derive(Clone, Copy, Debug)]
enum Work {
    Sample { begun: bool },
    SelfTest { failed: u32 },
    Estimate { sums: Sums, width: u32, coupling: f32 },
    Threshold { rank: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Job {
    id: u32,
    slice: Slice,
    /// Rows, or steps, that are done.
    done: u32,
    work: Work,
}

/// An instrument: `IN` bytes for a request ([`decoded_len`](crate::frame::decoded_len)), `OUT` for a reply
/// ([`encoded_len`](crate::frame::encoded_len)).
pub struct Instrument<const IN: usize, const OUT: usize> {
    decoder: Decoder<IN>,
    /// A frame has arrived and is not done with.
    arrived: bool,
    /// Rows of its request that are done.
    scored: usize,
    out: [u8; OUT],
    /// What of `out` is still to be sent.
    from: usize,
    to: usize,
    /// The first is under way.
    jobs: heapless::Deque<Job, QUEUE>,
    /// The smallest log-probabilities of a threshold's rows, ascending.
    smallest: heapless::Vec<f32, RANKS>,
    /// The checksum of the context.
    given: u32,
    /// Stirred by when bytes arrive.
    jitter: u64,
    turns: u64,
}

impl<const IN: usize, const OUT: usize> Instrument<IN, OUT> {
    /// An instrument after a reset, whose context is `context` bytes of zeros.
    pub fn new(context: usize) -> Self {
        let mut digest = crate::frame::CRC.digest();
        (0..context).for_each(|_| digest.update(&[0]));
        Self {
            decoder: Decoder::new(Direction::Request),
            arrived: false,
            scored: 0,
            out: [0; OUT],
            from: 0,
            to: 0,
            jobs: heapless::Deque::new(),
            smallest: heapless::Vec::new(),
            given: digest.finalize(),
            jitter: 0,
            turns: 0,
        }
    }

    /// Whether there is nothing to do until a byte arrives.
    pub fn is_idle(&self) -> bool {
        self.from == self.to && !self.arrived && self.jobs.is_empty()
    }

    /// Does what can be done without waiting: takes bytes that have arrived, sends bytes for which there is room,
    /// and, where all are sent, prepares the next reply, for which it draws or scores one row at most.
    pub fn poll(&mut self, sampler: &mut impl Sampler, serial: &mut impl Serial) {
        self.turns = self.turns.wrapping_add(1);
        // A frame that is not done with stays in the buffer: later bytes wait where they are.
        while !self.arrived {
            let Some(byte) = serial.read() else { break };
            let stirred = self.jitter ^ self.turns.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.jitter = stirred.rotate_left(23).wrapping_mul(0xd6e8_feb8_6659_fd93);
            self.arrived = self.decoder.feed(byte);
            self.scored = 0;
        }
        self.send(serial);
        if self.from != self.to {
            return;
        }
        if self.arrived {
            self.answer(sampler);
        } else {
            self.work(sampler);
        }
        self.send(serial);
    }

    fn send(&mut self, serial: &mut impl Serial) {
        while let Some(byte) = self.out.get(self.from..self.to).and_then(|rest| rest.first()) {
            if !serial.write(*byte) {
                return;
            }
            self.from = self.from.saturating_add(1);
        }
        (self.from, self.to) = (0, 0);
    }

    /// Answers the frame that has arrived, or one row of it.
    fn answer(&mut self, sampler: &mut impl Sampler) {
        let Some(frame) = self.decoder.frame() else {
            self.arrived = false;
            return;
        };
        let id = frame.id;
        let request = postcard::from_bytes::<Request<'_>>(frame.body);
        let info = sampler.info();
        let row_bytes = (info.dim as usize).saturating_mul(info.element.size());
        let job = |slice, work| Job { id, slice, done: 0, work };
        let mut arrived = false;
        let mut to = Out { id, out: &mut self.out, to: &mut self.to };
        match request {
            _ if frame.version != VERSION => to.refuse(Refusal::Version),
            Err(_) => to.refuse(Refusal::Malformed),
            Ok(Request::Info) => {
                let (dropped, given) = (self.decoder.dropped(), self.given);
                let (damaged, oversize) = (dropped.damaged, dropped.oversize);
                to.put(Reply::Info(Info { given, damaged, oversize, ..info }));
            }
            Ok(Request::Context(bytes)) => {
                let expected = info.context.saturating_mul(4);
                if bytes.len() != expected as usize {
                    to.refuse(Refusal::Length { found: bytes.len() as u32, expected });
                } else {
                    let given = checksum(bytes);
                    if given != self.given {
                        self.jobs.clear();
                        sampler.set_context(bytes);
                        self.given = given;
                    }
                    to.put(Reply::Context(given));
                }
            }
            Ok(Request::LogProb { first, context, rows }) => {
                if to.given(context, self.given) && to.fits(rows.len(), row_bytes) {
                    let start = self.scored.saturating_mul(row_bytes);
                    let rest = rows.get(start..).unwrap_or_default();
                    if let Some((row, rest)) = rest.split_at_checked(row_bytes) {
                        let log_prob = sampler.log_prob(row).to_bits();
                        let index = first.wrapping_add(self.scored as u64);
                        to.put(Reply::LogProb { index, log_prob });
                        self.scored = self.scored.saturating_add(1);
                        arrived = !rest.is_empty();
                    }
                }
            }
            Ok(Request::Score { threshold, context, row }) => {
                if to.given(context, self.given) {
                    if row.len() != row_bytes {
                        let (found, expected) = (row.len() as u32, row_bytes as u32);
                        to.refuse(Refusal::Length { found, expected });
                    } else {
                        let log_prob = sampler.log_prob(row);
                        let quiet = log_prob >= f32::from_bits(threshold);
                        to.put(Reply::Score { log_prob: log_prob.to_bits(), alarm: !quiet });
                    }
                }
            }
            Ok(Request::Stop) => {
                self.jobs.clear();
                to.put(Reply::Stopped);
            }
            Ok(Request::Sample(slice)) => {
                if to.given(slice.context, self.given) {
                    to.queue(&mut self.jobs, job(slice, Work::Sample { begun: false }));
                }
            }
            Ok(Request::SelfTest) => {
                let slice = Slice { seed: 0, first: 0, n: u32::MAX, context: self.given };
                to.queue(&mut self.jobs, job(slice, Work::SelfTest { failed: 0 }));
            }
            Ok(Request::Estimate { slice, width, coupling }) => {
                if to.given(slice.context, self.given) {
                    let sums = Sums::NONE;
                    let coupling = f32::from_bits(coupling);
                    to.queue(&mut self.jobs, job(slice, Work::Estimate { sums, width, coupling }));
                }
            }
            Ok(Request::Threshold { slice, rank }) => {
                if rank == 0 || rank as usize > RANKS || rank > slice.n {
                    to.refuse(Refusal::Unsupported);
                } else if to.given(slice.context, self.given) {
                    to.queue(&mut self.jobs, job(slice, Work::Threshold { rank }));
                }
            }
        }
        self.arrived = arrived;
    }

    /// Takes the job under way one row further.
    fn work(&mut self, sampler: &mut impl Sampler) {
        let seed = self.jitter ^ self.turns;
        let Some(job) = self.jobs.front_mut() else { return };
        if job.slice.seed == 0 {
            let mixed = (seed ^ sampler.entropy()).wrapping_mul(0xff51_afd7_ed55_8ccd);
            job.slice.seed = (mixed ^ mixed >> 33) | 1;
        }
        let Slice { seed, first, n, .. } = job.slice;
        let index = first.wrapping_add(job.done.into());
        let mut to = Out { id: job.id, out: &mut self.out, to: &mut self.to };
        let next = job.done.saturating_add(1);
        let finished = job.done >= n;
        match &mut job.work {
            Work::Sample { begun: begun @ false } => {
                *begun = true;
                to.put(Reply::Begin { seed });
                return;
            }
            Work::Sample { .. } if finished => to.put(Reply::End { seed, rows: n }),
            Work::Sample { .. } => {
                let (log_prob, row) = sampler.draw(seed, index);
                to.put(Reply::Row { index, log_prob, row });
                job.done = next;
                return;
            }
            Work::SelfTest { failed } => {
                if let Some(passed) = sampler.self_test(job.done) {
                    *failed = failed.saturating_add(u32::from(!passed));
                    job.done = next;
                    return;
                }
                to.put(Reply::SelfTest { ran: job.done, failed: *failed });
            }
            Work::Estimate { sums, .. } if finished => to.put(Reply::Estimate(*sums)),
            Work::Estimate { sums, width, coupling } => {
                if let Some(ln_w) = sampler.weigh(seed, index, *width, *coupling) {
                    sums.push(ln_w);
                    job.done = next;
                    return;
                }
                to.refuse(Refusal::Unsupported);
            }
            Work::Threshold { .. } if finished => {
                let threshold = self.smallest.last().copied().unwrap_or(f32::NEG_INFINITY);
                to.put(Reply::Threshold(threshold.to_bits()));
            }
            Work::Threshold { rank } => {
                if job.done == 0 {
                    self.smallest.clear();
                }
                let log_prob = sampler.draw_and_score(seed, index);
                // A draw that overflowed has none.
                let mut carried = if log_prob.is_nan() { f32::NEG_INFINITY } else { log_prob };
                for place in &mut self.smallest {
                    if carried < *place {
                        core::mem::swap(place, &mut carried);
                    }
                }
                if self.smallest.len() < *rank as usize {
                    let _ = self.smallest.push(carried);
                }
                job.done = next;
                return;
            }
        }
        let _ = self.jobs.pop_front();
    }
}

/// Where a reply goes.
struct Out<'a> {
    id: u32,
    out: &'a mut [u8],
    to: &'a mut usize,
}

impl Out<'_> {
    fn put(&mut self, reply: Reply<'_>) {
        // What does not fit is a row of a model that `OUT` was not made for; the host asks again in vain.
        *self.to = encode(Direction::Reply, self.id, &reply, self.out).unwrap_or(0);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.put(Reply::Refused(refusal));
    }

    /// Whether the context is the one that was meant.
    fn given(&mut self, expected: u32, given: u32) -> bool {
        if expected != given {
            self.refuse(Refusal::Context { given });
        }
        expected == given
    }

    /// Whether these are rows, one at least.
    fn fits(&mut self, bytes: usize, row: usize) -> bool {
        let fits = bytes > 0 && bytes.checked_rem(row) == Some(0);
        if !fits {
            self.refuse(Refusal::Length { found: bytes as u32, expected: row as u32 });
        }
        fits
    }

    fn queue(&mut self, jobs: &mut heapless::Deque<Job, QUEUE>, job: Job) {
        // A doubled frame asks for nothing new.
        if jobs.iter().any(|other| other.id == job.id) {
            return;
        }
        if jobs.push_back(job).is_err() {
            self.refuse(Refusal::Busy);
        }
    }
}
