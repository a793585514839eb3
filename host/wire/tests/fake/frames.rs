//! Frames as a host may send them, and as a bad line makes of them.

use pushforward_wire::frame::{Direction, encode};
use pushforward_wire::message::{Request, Slice};

use super::Random;

/// A frame of a request.
pub(crate) fn framed(id: u32, request: &Request<'_>) -> Vec<u8> {
    let mut out = [0; 256];
    let n = encode(Direction::Request, id, request, &mut out).unwrap();
    out[..n].to_vec()
}

/// A request of any kind, with anything in it; half of them for the context whose checksum is `given`. `bytes` lends
/// the rows.
pub(crate) fn request<'a>(random: &mut Random, given: u32, bytes: &'a [u8]) -> Request<'a> {
    let slice = Slice {
        context: if random.below(2) == 0 { given } else { random.next() as u32 },
        n: random.below(6) as u32,
        seed: random.next() >> random.below(64),
        first: random.next(),
    };
    match random.below(9) {
        0 => Request::Info,
        1 => Request::Context(bytes),
        2 => Request::Sample(slice),
        3 => Request::LogProb { first: random.next(), context: slice.context, rows: bytes },
        4 => Request::SelfTest,
        5 => Request::Estimate {
            slice,
            width: random.below(7) as u32,
            coupling: random.next() as u32,
        },
        6 => Request::Threshold { slice, rank: random.below(40) as u32 },
        7 => Request::Score { threshold: random.next() as u32, context: slice.context, row: bytes },
        _ => Request::Stop,
    }
}

/// Random bytes, any body in a sound frame, or a request, of which up to two bits are flipped, bytes lost or bytes
/// doubled; and the rows that it asks for, if it asks for rows and arrives.
pub(crate) fn bad(random: &mut Random, id: u32, given: u32) -> (Vec<u8>, Option<Slice>) {
    let n = random.below(80);
    let bytes = random.bytes(n);
    let mut asked = None;
    let mut frame = match random.below(3) {
        0 => bytes,
        1 => {
            let body = random.bytes(n.min(20));
            let mut out = [0; 128];
            // As a tuple of bytes, so that no length comes before them.
            let words = [body.first(), body.get(1), body.get(2), body.get(3)];
            let words = words.map(|b| b.copied().unwrap_or(0));
            let n = encode(Direction::Request, id, &words, &mut out).unwrap();
            out[..n].to_vec()
        }
        _ => {
            let request = request(random, given, &bytes);
            if let Request::Sample(slice) = request {
                asked = Some(slice);
            }
            framed(id, &request)
        }
    };
    for _ in 0..random.below(3) {
        let at = random.below(frame.len().max(1));
        match random.below(3) {
            0 if !frame.is_empty() => frame[at] ^= 1 << random.below(8),
            1 if !frame.is_empty() => drop(frame.remove(at)),
            _ => frame.insert(at, frame.get(at).copied().unwrap_or(0)),
        }
    }
    (frame, asked)
}
