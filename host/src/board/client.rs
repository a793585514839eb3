//! The host's end of the protocol: requests that are asked until they are answered.
//!
//! The line may lose, damage or double anything, and the device may be reset at any time. A row is believed if
//! its frame is whole, answers a request of this call, and has an index that was asked for; what is missing when
//! a request has ended, or nothing comes any more, is asked for again, and nothing else.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use pushforward_wire::frame::{Decoder, Direction, encode, encoded_len};
use pushforward_wire::message::{
    Arithmetic, Element, Info, Refusal, Reply, Request, Slice, Storage, Sums,
};
use pushforward_wire::{QUEUE, checksum};

use super::port::Port;
use crate::error::{Error, Result};
use crate::signals;

/// Rows of one request.
const ROWS: u32 = 128;
/// Requests under way.
const WINDOW: usize = QUEUE - 1;
/// Rows that came, between rows that did not, are asked for again if there are no more of them: a request
/// costs as much.
const GAP: usize = 4;
/// The longest frame of a reply.
const LONGEST: usize = 1 << 18;
/// A silence is no shorter than this.
const LEAST: Duration = Duration::from_millis(60);
/// A silence is so many times the longest time between two replies, of late.
const GAPS: u32 = 4;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The checksum of the model file.
    pub model: u32,
    /// Values in a row.
    pub dim: usize,
    /// What they are.
    pub element: Element,
    /// Values in a context.
    pub context: usize,
    /// The rounding of multiply-adds.
    pub arithmetic: Arithmetic,
    /// How the weights are stored.
    pub storage: Storage,
    /// The longest body of a request.
    pub body: u32,
    /// Rows that fit a request.
    pub rows: usize,
    /// Frames that were damaged on the way to it, since its last reset.
    pub damaged: u32,
    /// Frames that were longer than its buffer.
    pub oversize: u32,
    /// The name of the board.
    pub board: String,
}

impl Identity {
    fn new(info: &Info<'_>) -> Identity {
        Identity {
            model: info.model,
            dim: info.dim as usize,
            element: info.element,
            context: info.context as usize,
            arithmetic: info.arithmetic,
            storage: info.storage,
            body: info.body,
            rows: info.rows as usize,
            damaged: info.damaged,
            oversize: info.oversize,
            board: info.board.into(),
        }
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.dim * self.element.size()
    }
}

/// A device on a line.
#[derive(Debug)]
pub struct Client {
    port: Port,
    decoder: Box<Decoder<LONGEST>>,
    out: Vec<u8>,
    id: u32,
    identity: Identity,
    context: Vec<u8>,
    patience: Duration,
    /// The longest time between two replies, of late.
    gap: Duration,
    /// Requests that were asked again.
    pub retries: u64,
}

/// Rows that were asked for: their first, counted from the first of the call, and how many.
struct Asked {
    id: u32,
    at: usize,
    n: usize,
}

impl Client {
    /// Meets the device on a line: ends what it may be doing for a host that is gone, and asks who it is.
    /// `patience` is how long it may be silent before it is given up.
    ///
    /// # Errors
    /// Nobody answers, or in another version.
    pub fn meet(port: Port, patience: Duration) -> Result<Client> {
        let identity = Identity {
            model: 0,
            dim: 0,
            element: Element::U8,
            context: 0,
            arithmetic: Arithmetic::Plain,
            storage: Storage::File,
            body: 0,
            rows: 0,
            damaged: 0,
            oversize: 0,
            board: String::new(),
        };
        let mut client = Client {
            port,
            decoder: Box::new(Decoder::new(Direction::Reply)),
            out: Vec::new(),
            // What is still on its way to another host is not for this one.
            id: RandomState::new().hash_one(0) as u32,
            identity,
            context: Vec::new(),
            patience,
            gap: Duration::from_millis(50),
            retries: 0,
        };
        client.ask(&Request::Stop, |reply| matches!(reply, Reply::Stopped).then_some(()))?;
        client.refresh()?;
        client.context = vec![0; 4 * client.identity.context];
        client.retries = 0;
        Ok(client)
    }

    /// Who the device is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asks anew who the device is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn refresh(&mut self) -> Result<&Identity> {
        self.identity = self.ask(&Request::Info, |reply| match reply {
            Reply::Info(info) => Some(Identity::new(info)),
            _ => None,
        })?;
        Ok(&self.identity)
    }

    /// Sets what all later rows are given, here and there.
    ///
    /// # Errors
    /// The device does not answer, or takes another number of values.
    pub fn set_context(&mut self, values: &[f32]) -> Result<()> {
        if values.len() != self.identity.context {
            return Err(Error::Usage(format!(
                "the context: found {} values, expected {}, as the device's model takes",
                values.len(),
                self.identity.context
            )));
        }
        self.context = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.send_context()
    }

    fn send_context(&mut self) -> Result<()> {
        let context = self.context.clone();
        let expected = checksum(&context);
        self.ask(&Request::Context(&context), |reply| {
            matches!(reply, Reply::Context(given) if *given == expected).then_some(())
        })
    }

    /// A seed of the device's entropy.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn entropy(&mut self) -> Result<u64> {
        let slice = self.slice(0, 0, 0);
        self.ask(&Request::Sample(slice), |reply| match reply {
            Reply::Begin { seed } | Reply::End { seed, .. } => Some(*seed),
            _ => None,
        })
    }

    /// Runs the self-test: comparisons, and those that failed.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn self_test(&mut self) -> Result<(u32, u32)> {
        self.ask(&Request::SelfTest, |reply| match reply {
            Reply::SelfTest { ran, failed } => Some((*ran, *failed)),
            _ => None,
        })
    }

    /// Sums of importance weights of rows against an Ising model: [`Request::Estimate`].
    ///
    /// # Errors
    /// The device does not answer, or its rows are no such lattices.
    pub fn estimate(
        &mut self,
        seed: u64,
        first: u64,
        n: u32,
        width: u32,
        coupling: f32,
    ) -> Result<Sums> {
        let coupling = coupling.to_bits();
        let slice = self.slice(seed, first, n);
        self.ask(&Request::Estimate { slice, width, coupling }, |reply| match reply {
            Reply::Estimate(sums) if sums.n == n => Some(*sums),
            _ => None,
        })
    }

    /// The `rank`-th smallest log-probability of rows: [`Request::Threshold`].
    ///
    /// # Errors
    /// The device does not answer, or does not keep as many.
    pub fn threshold(&mut self, seed: u64, first: u64, n: u32, rank: u32) -> Result<f32> {
        let slice = self.slice(seed, first, n);
        self.ask(&Request::Threshold { slice, rank }, |reply| match reply {
            Reply::Threshold(bits) => Some(f32::from_bits(*bits)),
            _ => None,
        })
    }

    /// Draws rows `first ..` of the stream `seed`, as many as `log_prob` has places, into `rows`, as bytes.
    ///
    /// # Errors
    /// The device is silent for too long, or refuses.
    ///
    /// # Panics
    /// If `rows` has another length.
    pub fn sample(
        &mut self,
        seed: u64,
        first: u64,
        rows: &mut [u8],
        log_prob: &mut [u32],
    ) -> Result<()> {
        let bytes = self.identity.row_bytes();
        assert_eq!(rows.len(), bytes * log_prob.len(), "rows do not fit");
        let mut got = vec![false; log_prob.len()];
        let all: Vec<_> = (0..got.len()).step_by(ROWS as usize).collect();
        let size = |at: &usize| (*at, (got.len() - at).min(ROWS as usize));
        let mut waiting: VecDeque<(usize, usize)> = all.iter().map(size).collect();
        // All of this call: what comes late is still a row.
        let mut asked: Vec<Asked> = Vec::new();
        // The index in `asked` of those under way.
        let mut flight: VecDeque<usize> = VecDeque::new();
        let mut silence = Silence::new(self);
        loop {
            while flight.len() < WINDOW
                && let Some((at, n)) = waiting.pop_front()
            {
                let slice = self.slice(seed, first.wrapping_add(at as u64), n as u32);
                let id = self.send(None, &Request::Sample(slice))?;
                flight.push_back(asked.len());
                asked.push(Asked { id, at, n });
            }
            if flight.is_empty() {
                return Ok(());
            }
            let mut ended = Vec::new();
            let mut refused = None;
            let mut answered = false;
            self.receive(silence.most(), |id, reply| {
                let Some(which) = asked.iter().position(|asked| asked.id == id) else { return };
                answered = true;
                let Asked { at, n, .. } = asked[which];
                let place = flight.iter().position(|f| *f == which);
                // They are answered one after another: those before are over.
                let over = match reply {
                    Reply::Begin { .. } | Reply::Row { .. } => place.unwrap_or(0),
                    Reply::End { .. } => place.map_or(0, |place| place + 1),
                    _ => 0,
                };
                ended.extend(flight.drain(..over));
                match reply {
                    Reply::Row { index, log_prob: score, row } => {
                        let offset = index.wrapping_sub(first.wrapping_add(at as u64));
                        if offset < n as u64 && row.len() == bytes {
                            let i = at + offset as usize;
                            got[i] = true;
                            rows[i * bytes..][..bytes].copy_from_slice(row);
                            log_prob[i] = *score;
                        }
                    }
                    Reply::Refused(Refusal::Busy) => {
                        ended.extend(place.and_then(|place| flight.remove(place)));
                    }
                    Reply::Refused(refusal) => refused = Some(*refusal),
                    _ => {}
                }
            })?;
            match refused {
                // It was reset.
                Some(Refusal::Context { .. }) => {
                    self.send_context()?;
                    ended.extend(flight.drain(..));
                }
                Some(refusal) => return Err(why(refusal)),
                None => {}
            }
            if silence.is_over(self, answered)? {
                self.send(None, &Request::Stop)?;
                ended.extend(flight.drain(..));
            }
            for Asked { at, n, .. } in ended.into_iter().map(|which| &asked[which]) {
                let before = waiting.len();
                waiting.extend(missing(&got[*at..*at + *n]).map(|(from, n)| (at + from, n)));
                self.retries += (waiting.len() - before) as u64;
            }
        }
    }

    /// Scores rows, as bytes, one for each place of `out`.
    ///
    /// # Errors
    /// The device is silent for too long, or refuses.
    pub fn log_prob(&mut self, rows: &[u8], out: &mut [f32]) -> Result<()> {
        let bytes = self.identity.row_bytes();
        let most = self.identity.rows.max(1);
        for (rows, out) in rows.chunks(most * bytes).zip(out.chunks_mut(most)) {
            let mut got = vec![false; out.len()];
            let context = checksum(&self.context);
            let request = Request::LogProb { first: 0, context, rows };
            self.ask(&request, |reply| {
                if let Reply::LogProb { index, log_prob } = reply
                    && let Ok(i) = usize::try_from(*index)
                    && let (Some(got), Some(out)) = (got.get_mut(i), out.get_mut(i))
                {
                    *got = true;
                    *out = f32::from_bits(*log_prob);
                }
                got.iter().all(|got| *got).then_some(())
            })?;
        }
        Ok(())
    }

    /// A reading's log-probability, and whether it is below the threshold.
    ///
    /// # Errors
    /// The device is silent for too long, or refuses.
    pub fn score(&mut self, row: &[u8], threshold: f32) -> Result<(f32, bool)> {
        let (threshold, context) = (threshold.to_bits(), checksum(&self.context));
        self.ask(&Request::Score { threshold, context, row }, |reply| match reply {
            Reply::Score { log_prob, alarm } => Some((f32::from_bits(*log_prob), *alarm)),
            _ => None,
        })
    }

    fn slice(&self, seed: u64, first: u64, n: u32) -> Slice {
        Slice { seed, first, n, context: checksum(&self.context) }
    }

    /// Asks until `answer` makes something of a reply. What is asked again has the same id, so that a device
    /// that is at it already does not begin anew.
    fn ask<T>(
        &mut self,
        request: &Request<'_>,
        mut answer: impl FnMut(&Reply<'_>) -> Option<T>,
    ) -> Result<T> {
        let id = self.send(None, request)?;
        let mut ping = None;
        let mut silence = Silence::new(self);
        loop {
            let (mut found, mut refused, mut answered) = (None, None, false);
            self.receive(silence.most(), |from, reply| {
                answered |= from == id || Some(from) == ping;
                if from == id {
                    match reply {
                        Reply::Refused(refusal) => refused = Some(*refusal),
                        reply => found = found.take().or_else(|| answer(reply)),
                    }
                }
            })?;
            if let Some(found) = found {
                return Ok(found);
            }
            match refused {
                // Setting it is what this may be about.
                Some(Refusal::Context { .. }) => {
                    self.send_context()?;
                    self.send(Some(id), request)?;
                }
                Some(Refusal::Busy) | None => {}
                Some(refusal) => return Err(why(refusal)),
            }
            if silence.is_over(self, answered)? {
                self.retries += 1;
                self.send(Some(id), request)?;
                // Long work is silent, the device is not.
                ping = Some(self.send(None, &Request::Info)?);
            }
        }
    }

    /// Sends a request, with a new id unless it has one, which it returns.
    fn send(&mut self, id: Option<u32>, request: &Request<'_>) -> Result<u32> {
        let id = id.unwrap_or_else(|| {
            self.id = self.id.wrapping_add(1);
            self.id
        });
        let rows = match request {
            Request::Context(rows)
            | Request::LogProb { rows, .. }
            | Request::Score { row: rows, .. } => rows.len(),
            _ => 0,
        };
        self.out.resize(encoded_len(rows + 64), 0);
        let n = encode(Direction::Request, id, request, &mut self.out)
            .map_err(|e| Error::Failed(e.to_string()))?;
        let sent = self.port.send(&self.out[..n]);
        // What is lost so is asked for again.
        sent.or_else(|e| self.reopen(e))?;
        Ok(id)
    }

    /// Waits for bytes and hands over the replies in them.
    fn receive(&mut self, most: Duration, mut reply: impl FnMut(u32, &Reply<'_>)) -> Result<()> {
        if signals::received() {
            return Err(Error::Interrupted("interrupted".into()));
        }
        let mut buffer = [0; 4096];
        let n = match self.port.receive(&mut buffer, most) {
            Ok(n) => n,
            Err(e) => {
                self.reopen(e)?;
                0
            }
        };
        for byte in &buffer[..n] {
            if self.decoder.feed(*byte)
                && let Some(frame) = self.decoder.frame()
            {
                if frame.version != pushforward_wire::VERSION {
                    return Err(Error::Failed(format!(
                        "the device: found version {} of the protocol, expected {}",
                        frame.version,
                        pushforward_wire::VERSION
                    )));
                }
                // One that cannot be read is as good as lost.
                if let Ok(message) = postcard::from_bytes(frame.body) {
                    reply(frame.id, &message);
                }
            }
        }
        Ok(())
    }

    /// Opens the line again until it opens or patience ends.
    fn reopen(&mut self, fault: io::Error) -> Result<()> {
        let closed = |e: &io::Error| Error::Failed(format!("the line is closed: {e}"));
        if !self.port.reopens() {
            return Err(closed(&fault));
        }
        let start = Instant::now();
        while let Err(e) = self.port.reopen() {
            if signals::received() {
                return Err(Error::Interrupted("interrupted".into()));
            }
            if start.elapsed() > self.patience {
                return Err(closed(&e));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// How long nothing was heard.
struct Silence {
    heard: Instant,
    asked: Instant,
    /// How long is too long, until it is asked again.
    allowed: Duration,
}

impl Silence {
    fn new(client: &Client) -> Silence {
        let now = Instant::now();
        Silence { heard: now, asked: now, allowed: (GAPS * client.gap).max(LEAST) }
    }

    /// How long to wait for bytes.
    fn most(&self) -> Duration {
        self.allowed.saturating_sub(self.asked.elapsed()).min(Duration::from_millis(100))
    }

    /// Whether to ask again.
    fn is_over(&mut self, client: &mut Client, answered: bool) -> Result<bool> {
        let now = Instant::now();
        if answered {
            // What was lost says nothing about how long an answer takes.
            if self.asked == self.heard {
                let gap = now.duration_since(self.heard);
                client.gap = gap.max(client.gap.mul_f64(0.99)).min(client.patience / 16);
            }
            (self.heard, self.asked) = (now, now);
            self.allowed = (GAPS * client.gap).max(LEAST);
            return Ok(false);
        }
        if now.duration_since(self.heard) > client.patience {
            return Err(Error::Failed(format!(
                "the device: found no answer for {} s, expected one",
                client.patience.as_secs_f64()
            )));
        }
        let over = now.duration_since(self.asked) >= self.allowed;
        if over {
            self.asked = now;
            self.allowed = (2 * self.allowed).min(client.patience / 2);
        }
        Ok(over)
    }
}

/// The runs of what is missing, over short gaps: first and number.
fn missing(got: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (i, _) in got.iter().enumerate().filter(|(_, got)| !**got) {
        match runs.last_mut() {
            Some((from, n)) if i - (*from + *n) <= GAP => *n = i + 1 - *from,
            _ => runs.push((i, 1)),
        }
    }
    runs.into_iter()
}

fn why(refusal: Refusal) -> Error {
    let what = match refusal {
        Refusal::Version => "it speaks another version of the protocol".into(),
        Refusal::Length { found, expected } => {
            format!("found {found} bytes of values, expected a multiple of {expected}")
        }
        Refusal::Unsupported => "its model cannot do this".into(),
        Refusal::Malformed => "it does not know this request".into(),
        Refusal::Busy | Refusal::Context { .. } => "it is busy".into(),
    };
    Error::Failed(format!("the device refuses: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_in_runs() {
        let runs = |text: &str| {
            missing(&text.bytes().map(|b| b == b'+').collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(runs("++++"), []);
        assert_eq!(runs("-+++"), [(0, 1)]);
        assert_eq!(runs("+--+++++-"), [(1, 2), (8, 1)]);
        assert_eq!(runs("+--++++-"), [(1, 7)]);
    }
}
