//! `board list`: where devices may be, and what they may be.

use serde_json::json;
use serialport::{SerialPortInfo, SerialPortType};

use crate::board::{self, Folder};
use crate::cli::{print, print_json, table};
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let ports = serialport::available_ports()
        .map_err(|e| Error::Failed(format!("the serial ports cannot be listed: {e}")))?;
    let firmware = board::checkout().map(|checkout| checkout.join("firmware"));
    let boards = firmware.map(|firmware| Folder::all(&firmware)).transpose();
    let boards = boards.map_err(|e| Error::Failed(format!("the boards: {e}")))?.unwrap_or_default();
    if args.json {
        let port =
            |port: &SerialPortInfo| json!({ "name": port.port_name, "device": device(port) });
        let board = |b: &Folder| json!({ "name": b.name(), "target": b.target, "emulated": b.is_emulated() });
        return print_json(&json!({
            "ports": ports.iter().map(port).collect::<Vec<_>>(),
            "boards": boards.iter().map(board).collect::<Vec<_>>(),
        }));
    }
    let mut lines: Vec<_> = ports.iter().map(|p| (p.port_name.clone(), device(p))).collect();
    if lines.is_empty() {
        lines.push(("no serial port".into(), String::new()));
    }
    lines.extend(boards.iter().map(|b| {
        let how = if b.is_emulated() { "emulated: --board" } else { "flash it, then --port" };
        (b.name().to_owned(), format!("{how} ({})", b.target))
    }));
    print(&table(&lines))
}

/// What is plugged in there.
fn device(port: &SerialPortInfo) -> String {
    match &port.port_type {
        SerialPortType::UsbPort(usb) => {
            let name = usb.product.clone().unwrap_or_else(|| "USB".into());
            format!("{name} ({:04x}:{:04x})", usb.vid, usb.pid)
        }
        SerialPortType::BluetoothPort => "Bluetooth".into(),
        SerialPortType::PciPort => "PCI".into(),
        SerialPortType::Unknown => "serial port".into(),
    }
}
