//! Any bytes on its line leave an instrument without a fault, and answering. Half of the inputs are the line
//! itself, the others bodies of sound frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pushforward_wire::checksum;
use pushforward_wire::device::Instrument;
use pushforward_wire::frame::{Decoder, Direction};
use pushforward_wire::message::{Reply, Request};

#[allow(dead_code, reason = "the tests of the protocol use more of it")]
#[path = "../../wire/tests/fake/mod.rs"]
mod fake;

/// A frame around any body.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = [&[pushforward_wire::VERSION, 1, 0, 0, 0], body].concat();
    frame.extend(checksum(&frame).to_le_bytes());
    let mut out = vec![0; cobs::max_encoding_length(frame.len())];
    let n = cobs::try_encode(&frame, &mut out).expect("it fits");
    [&[0], &out[..n], &[0]].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let mut instrument = Instrument::<{ fake::IN }, { fake::OUT }>::new(fake::CONTEXT);
    let mut sampler = fake::Fake { context: checksum(&[0; fake::CONTEXT]), ..Default::default() };
    let mut line = fake::Line { room: usize::MAX, ..Default::default() };
    match bytes.split_first() {
        Some((kind, rest)) if kind % 2 == 0 => line.input.extend(rest),
        // A byte is the length of a body.
        Some((_, mut rest)) => {
            while let Some((length, more)) = rest.split_first() {
                let (body, more) = more.split_at(more.len().min(usize::from(length % 64)));
                line.input.extend(framed(body));
                rest = more;
            }
        }
        None => {}
    }
    let mut stop = [0; 64];
    for (id, request) in [(2, Request::Stop), (3, Request::Info)] {
        let n = pushforward_wire::frame::encode(Direction::Request, id, &request, &mut stop);
        line.input.extend(&stop[..n.expect("it fits")]);
    }
    let mut turns = 0;
    while !(line.input.is_empty() && instrument.is_idle()) {
        instrument.poll(&mut sampler, &mut line);
        turns += 1;
        assert!(turns < 1_000_000, "it does not come to rest");
    }
    let mut decoder = Decoder::<256>::new(Direction::Reply);
    let mut last = None;
    for byte in line.output {
        if decoder.feed(byte) {
            let frame = decoder.frame().expect("it was whole");
            let reply: Reply<'_> = postcard::from_bytes(frame.body).expect("it is a reply");
            last = Some((frame.id, matches!(reply, Reply::Info(_))));
        }
    }
    assert_eq!(last, Some((3, true)), "it does not answer");
});
