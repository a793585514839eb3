//! The flags that say where a device is, and the line they open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytemuck::Pod;
use pushforward::domain::Element;
use pushforward_wire::message;

use crate::board::client::Client;
use crate::board::emulated::Emulated;
use crate::board::port::{Address, Port};
use crate::board::{self, Board};
use crate::cli::context::Contexts;
use crate::error::{Error, Result, note};
use crate::loaded::Value;

/// Where the device is.
#[derive(Debug, clap::Args)]
pub(super) struct Line {
    /// A serial port, tcp:HOST:PORT or unix:PATH.
    #[arg(long, value_name = "PORT")]
    port: Option<Address>,
    /// Without a port: an emulated board, whose firmware is built and started.
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Bits per second of a serial port.
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    #[command(flatten)]
    storage: Storage,
    /// How many seconds the device may be silent before it is given up.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    patience: u32,
}

/// How firmware stores weights, where it is built.
#[derive(Debug, clap::Args)]
pub(super) struct Storage {
    /// How firmware that is built here stores the weights; f16 rounds them.
    #[arg(long, default_value = "f32")]
    weights: Weights,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Weights {
    F32,
    F16,
}

impl Storage {
    /// The features of such an instrument.
    fn features(&self) -> &'static [&'static str] {
        match self.weights {
            Weights::F32 => &["instrument"],
            Weights::F16 => &["instrument", "f16"],
        }
    }
}

/// What firmware is built around, where it is built.
#[derive(Debug, clap::Args)]
pub(super) struct Model {
    /// The model of an emulated board; the firmware's own if not given.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
}

impl Model {
    /// The file, if one is given.
    pub(super) fn path(&self) -> Option<&Path> {
        self.model.as_deref()
    }
}

/// A device whose rows are given one context.
#[derive(Debug, clap::Args)]
pub(super) struct Given {
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    model: Model,
    /// The one context that a conditional model is given.
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    context: Option<String>,
}

impl Given {
    /// The model file, if one is given.
    pub(super) fn model(&self) -> Option<&Path> {
        self.model.path()
    }

    /// Opens the line and sets the context.
    ///
    /// # Errors
    /// As [`Line::open`]; the device's model takes another context.
    pub(super) fn open(&self) -> Result<Device> {
        let mut device = self.line.open(self.model.path())?;
        given(&mut device.client, self.context.as_deref())?;
        Ok(device)
    }
}

/// A device, and the emulator that it runs in, if it does.
pub(super) struct Device {
    pub(super) client: Client,
    _emulated: Option<Emulated>,
}

impl Line {
    /// Opens the line; an emulated board is built around `model`, or around the firmware's own.
    ///
    /// # Errors
    /// There is nothing there, or it does not answer.
    pub(super) fn open(&self, model: Option<&Path>) -> Result<Device> {
        let patience = Duration::from_secs(self.patience.into());
        let (port, emulated) = match (&self.port, &self.board) {
            (Some(address), _) => {
                let port = Port::open(address, self.baud).map_err(|e| {
                    Error::Usage(format!("--port {address}: cannot be opened: {e}"))
                })?;
                (port, None)
            }
            (None, Some(name)) => {
                let (emulated, port) = emulate(name, model, &self.storage)?;
                (port, Some(emulated))
            }
            (None, None) => {
                return Err(Error::Usage(
                    "expected --port PORT, or --board NAME of an emulated board (see `board list`)"
                        .into(),
                ));
            }
        };
        Ok(Device { client: Client::meet(port, patience)?, _emulated: emulated })
    }
}

/// Builds the instrument of a board around a model, or around the firmware's own.
pub(super) fn build(name: &str, model: Option<&Path>, storage: &Storage) -> Result<Board> {
    let checkout = board::checkout();
    let Some(sources) = checkout.as_deref() else {
        return Err(Error::Failed(board::missing_to_compile(None).unwrap_or_default()));
    };
    let folder = board::folder(sources, Some(name))?;
    if let Some(missing) = board::missing(Some(sources), Some(name)) {
        return Err(Error::Failed(format!("--board {name}: {missing}")));
    }
    let source = folder.config.with_file_name("board.rs");
    if !std::fs::read_to_string(&source).is_ok_and(|text| text.contains("pub fn serial(")) {
        return Err(Error::Failed(format!(
            "--board {name}: found no function `serial` in {}, expected one that opens its line",
            source.display()
        )));
    }
    let own = sources.join("firmware/models/default.safetensors");
    let target = board::target_folder(Some(sources)).join("firmware");
    note(format!("building the instrument for {name}"));
    let (model, features) = (model.unwrap_or(&own), storage.features());
    Board::with_programs(sources, folder, model, &target, &["instrument"], features)
}

fn emulate(name: &str, model: Option<&Path>, storage: &Storage) -> Result<(Emulated, Port)> {
    if let Some(sources) = board::checkout()
        && !board::folder(&sources, Some(name))?.is_emulated()
    {
        return Err(Error::Usage(format!(
            "--board {name}: it is not emulated, expected --port and what the port is"
        )));
    }
    let board = build(name, model, storage)?;
    let (emulated, stream) = Emulated::start(board.command("instrument"))?;
    let port = Port::of_stream(stream).map_err(|e| Error::Failed(format!("the emulator: {e}")))?;
    Ok((emulated, port))
}

/// What a row is made of, as the engine names it.
pub(super) fn element(element: message::Element) -> Element {
    match element {
        message::Element::F32 => Element::F32,
        message::Element::I8 => Element::I8,
        message::Element::U8 => Element::U8,
        message::Element::U16 => Element::U16,
    }
}

/// The values of rows that came as bytes.
pub(super) fn values<V: Pod>(bytes: &[u8]) -> Vec<V> {
    bytes.chunks_exact(size_of::<V>()).map(bytemuck::pod_read_unaligned).collect()
}

/// Something to do with rows of any element type.
pub(super) trait Typed {
    /// Does it.
    fn run<V: Value + Pod>(self) -> Result<()>;
}

/// Does it with rows of this one.
pub(super) fn with(element: Element, work: impl Typed) -> Result<()> {
    match element {
        Element::F32 => work.run::<f32>(),
        Element::I8 => work.run::<i8>(),
        Element::U8 => work.run::<u8>(),
        Element::U16 => work.run::<u16>(),
    }
}

/// Sets the one context of `--context`, where one is given.
fn given(client: &mut Client, argument: Option<&str>) -> Result<()> {
    let one = client.identity().context;
    let contexts = match (argument, one) {
        (None, 0) => return Ok(()),
        (None, _) => {
            return Err(Error::Usage(format!(
                "the device's model takes a context of {one} values, expected --context with them: 0.3,1.2"
            )));
        }
        (Some(_), 0) => {
            return Err(Error::Usage("--context: the device's model takes none".into()));
        }
        (Some(argument), _) => Contexts::of_width(argument, one)?,
    };
    client.set_context(&contexts)
}
