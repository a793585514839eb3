//! An instrument in a thread of this program: the firmware's state machine around a loaded model.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use pushforward::domain::Element;
use pushforward_host::loaded::{Loaded, read};
use pushforward_wire::device::{Instrument, Sampler, Serial};
use pushforward_wire::frame::{decoded_len, encoded_len};
use pushforward_wire::message::{self, Info};

/// A model, and which of its draws is wrong.
pub(crate) struct Native {
    model: Loaded,
    checksum: u32,
    storage: message::Storage,
    element: Element,
    context: Vec<f32>,
    row: Vec<u8>,
    lie: Option<u64>,
    drawn: u64,
}

impl Native {
    pub(crate) fn open(path: &Path) -> Native {
        let model = Loaded::new(read(path).unwrap()).unwrap();
        Native {
            checksum: pushforward_wire::checksum(&std::fs::read(path).unwrap()),
            storage: message::Storage::File,
            element: model.domain().element(),
            context: vec![0.0; model.model.description().context()],
            row: Vec::new(),
            model,
            lie: None,
            drawn: 0,
        }
    }

    /// The same, but for one draw of those from now on.
    pub(crate) fn lying_at(self, draw: u64) -> Native {
        Native { lie: Some(draw), ..self }
    }

    /// The same with the weights rounded, which it says if it is `honest`.
    pub(crate) fn rounded(self, honest: bool) -> Native {
        let model = Loaded::new(self.model.model.rounded_to_f16().unwrap()).unwrap();
        let storage = if honest { message::Storage::F16 } else { message::Storage::File };
        Native { model, storage, ..self }
    }

    /// The first rows of a stream, as bytes, and the bits of their log-probabilities.
    pub(crate) fn rows(mut self, seed: u64, n: u64) -> (Vec<u8>, Vec<u32>) {
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        for index in 0..n {
            let (score, row) = self.draw(seed, index);
            rows.extend(row);
            scores.push(score);
        }
        (rows, scores)
    }

    fn values(&self, bytes: &[u8]) -> Vec<f32> {
        match self.element {
            Element::I8 => bytes.iter().map(|b| f32::from(*b as i8)).collect(),
            Element::U8 => bytes.iter().map(|b| f32::from(*b)).collect(),
            Element::U16 => panic!("no such model here"),
            Element::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        }
    }

    fn sample(&self, seed: u64, index: u64) -> (Vec<f32>, f32) {
        let (mut row, mut log_prob) = (vec![0f32; self.model.dim()], [0.0]);
        self.model.given(&self.context).sample(seed, index, &mut row, Some(&mut log_prob));
        (row, log_prob[0])
    }
}

impl Sampler for Native {
    fn info(&self) -> Info<'_> {
        let element = match self.element {
            Element::F32 => message::Element::F32,
            Element::I8 => message::Element::I8,
            Element::U8 => message::Element::U8,
            Element::U16 => message::Element::U16,
        };
        Info {
            model: self.checksum,
            dim: self.model.dim() as u32,
            element,
            context: self.context.len() as u32,
            arithmetic: message::Arithmetic::Plain,
            storage: self.storage,
            given: 0,
            body: 512,
            rows: 4,
            damaged: 0,
            oversize: 0,
            board: "native",
        }
    }

    fn set_context(&mut self, bytes: &[u8]) {
        self.context = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    }

    fn draw(&mut self, seed: u64, index: u64) -> (u32, &[u8]) {
        let (row, log_prob) = self.sample(seed, index);
        self.row = match self.element {
            Element::F32 => row.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Element::I8 => row.iter().map(|x| *x as i8 as u8).collect(),
            _ => row.iter().map(|x| *x as u8).collect(),
        };
        self.drawn += 1;
        if self.lie == Some(self.drawn) {
            self.row[0] ^= 1;
        }
        (log_prob.to_bits(), &self.row)
    }

    fn draw_and_score(&mut self, seed: u64, index: u64) -> f32 {
        let (row, mut log_prob) = (self.sample(seed, index).0, [0.0]);
        self.model.given(&self.context).log_prob(&row, &mut log_prob);
        log_prob[0]
    }

    fn log_prob(&mut self, row: &[u8]) -> f32 {
        let (row, mut log_prob) = (self.values(row), [0.0]);
        self.model.given(&self.context).log_prob(&row, &mut log_prob);
        log_prob[0]
    }

    fn self_test(&mut self, step: u32) -> Option<bool> {
        (step < 3).then_some(true)
    }

    fn weigh(&mut self, _: u64, _: u64, _: u32, _: f32) -> Option<f64> {
        None
    }

    fn entropy(&mut self) -> u64 {
        0x1234_5678_9abc_def0
    }
}

/// A socket, as a UART would have it.
struct Line {
    stream: TcpStream,
    input: VecDeque<u8>,
    output: Vec<u8>,
    open: bool,
}

impl Serial for Line {
    fn read(&mut self) -> Option<u8> {
        if self.input.is_empty() {
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.open = false,
                Ok(n) => self.input.extend(&buffer[..n]),
                Err(e) => self.open &= e.kind() == ErrorKind::WouldBlock,
            }
        }
        self.input.pop_front()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.output.push(byte);
        true
    }
}

const IN: usize = decoded_len(512);
const OUT: usize = encoded_len(4096);

/// Runs the instrument on a stream until the other end closes it.
pub(crate) fn run(mut device: Native, stream: TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut line = Line { stream, input: VecDeque::new(), output: Vec::new(), open: true };
    let mut instrument = Box::new(Instrument::<IN, OUT>::new(4 * device.context.len()));
    while line.open {
        instrument.poll(&mut device, &mut line);
        if instrument.is_idle() && line.input.is_empty() {
            thread::sleep(Duration::from_micros(200));
        }
        if !line.output.is_empty() {
            line.stream.set_nonblocking(false).unwrap();
            line.open &= line.stream.write_all(&line.output).is_ok();
            line.stream.set_nonblocking(true).unwrap();
            line.output.clear();
        }
    }
}

/// Starts the instrument for one host; its address.
pub(crate) fn start(device: Native) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    thread::spawn(move || run(device, listener.accept().unwrap().0));
    address
}

/// Two ends of a line.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}
