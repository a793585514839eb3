//! Frames survive any line, and an instrument any bytes.

mod fake;

use fake::frames::{self, framed};
use fake::{CONTEXT, Fake, IN, Line, OUT, Random, row};
use pushforward_wire::device::Instrument;
use pushforward_wire::frame::{Decoder, Direction, decoded_len, encode, encoded_len};
use pushforward_wire::message::{Refusal, Reply, Request, Slice, Sums};
use pushforward_wire::{QUEUE, VERSION, checksum};

struct Bench {
    instrument: Instrument<IN, OUT>,
    sampler: Fake,
    line: Line,
}

impl Bench {
    fn new() -> Bench {
        let sampler = Fake { context: checksum(&[0; CONTEXT]), ..Fake::default() };
        Bench { instrument: Instrument::new(CONTEXT), sampler, line: Line::default() }
    }

    fn send(&mut self, id: u32, request: &Request<'_>) {
        self.line.input.extend(framed(id, request));
    }

    /// Polls until nothing is left to do; what was answered, as text.
    fn answers(&mut self) -> Vec<(u32, String)> {
        for turn in 0.. {
            self.line.room = turn % 3;
            self.instrument.poll(&mut self.sampler, &mut self.line);
            if self.line.input.is_empty() && self.instrument.is_idle() {
                break;
            }
            assert!(turn < 100_000, "it does not come to rest");
        }
        let mut answers = Vec::new();
        self.replies(|id, reply| answers.push((id, format!("{reply:?}"))));
        answers
    }

    /// Takes what was sent, all of which are whole frames with replies.
    fn replies(&mut self, mut reply: impl FnMut(u32, Reply<'_>)) {
        let mut decoder = Decoder::<128>::new(Direction::Reply);
        for byte in std::mem::take(&mut self.line.output) {
            if decoder.feed(byte) {
                let frame = decoder.frame().unwrap();
                reply(frame.id, postcard::from_bytes(frame.body).unwrap());
            }
        }
        assert_eq!(decoder.dropped(), Default::default());
    }

    fn ask(&mut self, id: u32, request: &Request<'_>) -> Vec<(u32, String)> {
        self.send(id, request);
        self.answers()
    }
}

fn slice(seed: u64, first: u64, n: u32) -> Slice {
    Slice { seed, first, n, context: checksum(&[0; CONTEXT]) }
}

#[test]
fn frames_are_read_back_in_any_company() {
    let mut random = Random(1);
    for n in (0..600).chain([100; 200]) {
        let body = random.bytes(n);
        let (before, after) = (random.below(20), random.below(20));
        let mut line = random.bytes(before);
        let mut out = vec![0; encoded_len(n + 3)];
        let used = encode(Direction::Reply, 0xdead_0000, &&body[..], &mut out).unwrap();
        assert!(encode(Direction::Reply, 1, &&body[..], &mut vec![0; used - 1]).is_err());
        line.extend(&out[..used]);
        line.extend(random.bytes(after));
        let mut decoder = Decoder::<{ decoded_len(603) }>::new(Direction::Reply);
        let mut found = 0;
        for byte in line {
            if decoder.feed(byte) {
                let frame = decoder.frame().unwrap();
                assert_eq!((frame.version, frame.id), (VERSION, 0xdead_0000));
                assert_eq!(postcard::from_bytes::<&[u8]>(frame.body), Ok(&body[..]));
                found += 1;
            }
        }
        assert_eq!(found, 1, "{n}");
    }
}

#[test]
fn what_is_too_long_or_goes_the_other_way_is_dropped_and_counted() {
    let long = framed(1, &Request::Context(&[7; 100]));
    let mut bench = Bench::new();
    bench.line.input.extend(&long);
    bench.line.input.extend(&long[..60]);
    let mut reply = [0; 64];
    let n = encode(Direction::Reply, 3, &Reply::Stopped, &mut reply).unwrap();
    bench.line.input.extend(&reply[..n]);
    let answers = bench.ask(9, &Request::Info);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].1.contains("damaged: 2, oversize: 1"), "{}", answers[0].1);
}

#[test]
fn requests_are_answered_as_the_page_says() {
    let mut bench = Bench::new();
    let rows = bench.ask(5, &Request::Sample(slice(11, 1 << 40, 3)));
    let expected: Vec<_> = std::iter::once(format!("{:?}", Reply::Begin { seed: 11 }))
        .chain((0..3).map(|i| {
            let index = (1 << 40) + i;
            let (row, log_prob) = row(11, index, checksum(&[0; CONTEXT]));
            format!("{:?}", Reply::Row { index, log_prob, row: &row })
        }))
        .chain([format!("{:?}", Reply::End { seed: 11, rows: 3 })])
        .map(|text| (5, text))
        .collect();
    assert_eq!(rows, expected);

    let context = checksum(&[0; CONTEXT]);
    let two = [3, 0, 0, 0, 0, 200, 0, 0, 0, 0];
    let scores = bench.ask(6, &Request::LogProb { first: 8, context, rows: &two });
    let score = |index, x: f32| format!("{:?}", Reply::LogProb { index, log_prob: x.to_bits() });
    assert_eq!(scores, [(6, score(8, -3.0)), (6, score(9, -200.0))]);

    let test = bench.ask(7, &Request::SelfTest);
    assert_eq!(test, [(7, format!("{:?}", Reply::SelfTest { ran: 3, failed: 1 }))]);

    // The third smallest of the rows' scores, and readings at it and below.
    let mut all: Vec<_> = (0..50).map(|i| -f32::from(row(4, i, context).0[0])).collect();
    all.sort_by(f32::total_cmp);
    let threshold = all[2].to_bits();
    let found = bench.ask(8, &Request::Threshold { slice: slice(4, 0, 50), rank: 3 });
    assert_eq!(found, [(8, format!("{:?}", Reply::Threshold(threshold)))]);
    for (off, alarm) in [(0, false), (1, true)] {
        let reading = [-all[2] as u8 + off, 0, 0, 0, 0];
        let scored = bench.ask(9, &Request::Score { threshold, context, row: &reading });
        assert!(scored[0].1.contains(&format!("alarm: {alarm}")), "{scored:?}");
    }

    let estimate = Request::Estimate { slice: slice(4, 0, 50), width: 5, coupling: 1f32.to_bits() };
    let mut sums = Sums::NONE;
    (0..50).for_each(|i| sums.push(f64::from(row(4, i, context).0[0])));
    assert_eq!(bench.ask(10, &estimate), [(10, format!("{:?}", Reply::Estimate(sums)))]);
}

#[test]
fn another_context_ends_what_was_asked_of_the_one_before() {
    let mut bench = Bench::new();
    bench.send(1, &Request::Sample(slice(3, 0, 1000)));
    let context = [1; CONTEXT];
    bench.send(2, &Request::Context(&context));
    bench.send(3, &Request::Sample(slice(3, 0, 1000)));
    let given = checksum(&context);
    let refused = format!("{:?}", Reply::Refused(Refusal::Context { given }));
    let answers = bench.answers();
    assert_eq!(answers[answers.len() - 2], (2, format!("{:?}", Reply::Context(given))));
    assert_eq!(answers.last(), Some(&(3, refused)));
    let answers = bench.ask(4, &Request::Sample(Slice { context: given, ..slice(3, 0, 1) }));
    assert!(answers[1].1.contains(&format!("{:?}", row(3, 0, given).0)), "{answers:?}");
}

#[test]
fn a_stream_is_stopped_and_a_full_queue_says_so() {
    let mut bench = Bench::new();
    for id in 1..=QUEUE as u32 + 1 {
        // Doubled: the second asks for nothing.
        bench.send(id, &Request::Sample(slice(3, 0, u32::MAX)));
        bench.send(id, &Request::Sample(slice(3, 0, u32::MAX)));
    }
    bench.send(99, &Request::Stop);
    let answers = bench.answers();
    let busy = format!("{:?}", Reply::Refused(Refusal::Busy));
    let all = answers.iter().filter(|(_, text)| *text == busy).count();
    assert_eq!((all, answers.last()), (2, Some(&(99, "Stopped".into()))));
    assert!(answers.len() < 40);
}

#[test]
fn other_versions_and_bodies_are_refused_by_name() {
    let mut bench = Bench::new();
    let mut sent = framed(77, &Request::Stop);
    // COBS: zero, code, header, …; the checksum anew.
    sent[2] = VERSION + 1;
    let sum = checksum(&[VERSION + 1, 77, 0, 0, 0, 8]).to_le_bytes();
    let mut plain = vec![VERSION + 1, 77, 0, 0, 0, 8];
    plain.extend(sum);
    let mut out = [0; 64];
    let n = cobs::try_encode(&plain, &mut out).unwrap();
    bench.line.input.push_back(0);
    bench.line.input.extend(&out[..n]);
    bench.line.input.push_back(0);
    assert_eq!(bench.answers(), [(77, "Refused(Version)".into())]);

    let mut body = [0; 64];
    let n = encode(Direction::Request, 78, &200u8, &mut body).unwrap();
    bench.line.input.extend(&body[..n]);
    assert_eq!(bench.answers(), [(78, "Refused(Malformed)".into())]);
}

#[test]
fn seeds_of_entropy_are_reported_and_differ() {
    let mut bench = Bench::new();
    let mut seeds = Vec::new();
    for id in 0..20 {
        let answers = bench.ask(id, &Request::Sample(slice(0, 0, 0)));
        assert_eq!(answers.len(), 2);
        let seed: String = answers[0].1.chars().filter(char::is_ascii_digit).collect();
        assert!(answers[1].1.contains(&seed) && seed != "0", "{answers:?}");
        seeds.push(seed);
    }
    seeds.sort();
    seeds.dedup();
    assert_eq!(seeds.len(), 20);
}

/// Random bytes, and requests with bits flipped, bytes lost and bytes doubled: the instrument comes to rest,
/// answers a sound request after them, and answers no other with rows.
#[test]
fn a_million_bad_frames_do_no_harm() {
    let mut random = Random(2);
    let mut bench = Bench::new();
    for round in 0..10_000u32 {
        let mut line = Vec::new();
        for _ in 0..100 {
            line.extend(frames::bad(&mut random, 1, checksum(&[0; CONTEXT])).0);
        }
        bench.line.input.extend(&line);
        bench.send(2, &Request::Stop);
        for turn in 0..200_000 {
            bench.line.room = usize::MAX;
            bench.instrument.poll(&mut bench.sampler, &mut bench.line);
            if bench.line.input.is_empty() && bench.instrument.is_idle() {
                break;
            }
            assert!(turn < 199_999, "round {round} does not come to rest");
        }
        bench.replies(|id, _| assert!(id < 3));
        let reset = bench.ask(3, &Request::Context(&[0; CONTEXT]));
        assert_eq!(reset, [(3, format!("Context({})", checksum(&[0; CONTEXT])))]);
        let answers = bench.ask(4, &Request::Sample(slice(5, round.into(), 1)));
        let (row, log_prob) = row(5, round.into(), checksum(&[0; CONTEXT]));
        let row = Reply::Row { index: round.into(), log_prob, row: &row };
        assert_eq!(answers[1], (4, format!("{row:?}")));
    }
}
