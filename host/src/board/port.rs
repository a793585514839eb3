//! The line to a device: a serial port, or a socket that stands for one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::time::Duration;

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A serial port of this machine, by the system's name.
    Serial(String),
    /// `tcp:HOST:PORT`.
    Tcp(String),
    /// `unix:PATH`.
    Unix(String),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(socket) = text.strip_prefix("tcp:") {
            let port = socket.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            return match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
                Some(_) => Ok(Address::Tcp(socket.into())),
                None => Err("expected tcp:HOST:PORT".into()),
            };
        }
        match text.strip_prefix("unix:") {
            Some("") => Err("expected unix:PATH".into()),
            Some(_) if cfg!(not(unix)) => Err("this system has no unix sockets".into()),
            Some(path) => Ok(Address::Unix(path.into())),
            None if text.is_empty() => Err("expected a port, tcp:HOST:PORT or unix:PATH".into()),
            None => Ok(Address::Serial(text.into())),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Serial(name) => f.write_str(name),
            Address::Tcp(socket) => write!(f, "tcp:{socket}"),
            Address::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// Bytes both ways.
trait Link: Read + Write + Send {
    /// How long a read waits, which is more than nothing.
    fn wait(&mut self, most: Duration) -> io::Result<()>;
}

impl Link for TcpStream {
    fn wait(&mut self, most: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(most))
    }
}

#[cfg(unix)]
impl Link for UnixStream {
    fn wait(&mut self, most: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(most))
    }
}

impl Link for Box<dyn serialport::SerialPort> {
    fn wait(&mut self, most: Duration) -> io::Result<()> {
        Ok(self.set_timeout(most)?)
    }
}

/// An open line.
pub struct Port {
    link: Box<dyn Link>,
    /// What it can be opened again by.
    again: Option<(Address, u32)>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("again", &self.again).finish_non_exhaustive()
    }
}

/// A device that takes nothing for this long is gone.
const SEND: Duration = Duration::from_secs(10);

impl Port {
    /// Opens a line; `baud` is for serial ports.
    ///
    /// # Errors
    /// There is no such port, or nothing listens there.
    pub fn open(address: &Address, baud: u32) -> io::Result<Port> {
        let link: Box<dyn Link> = match address {
            Address::Serial(name) => Box::new(serialport::new(name, baud).timeout(SEND).open()?),
            Address::Tcp(socket) => {
                let stream = TcpStream::connect(socket)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(SEND))?;
                Box::new(stream)
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(SEND))?;
                Box::new(stream)
            }
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(Port { link, again: Some((address.clone(), baud)) })
    }

    /// A line that is there already, and cannot be opened again.
    ///
    /// # Errors
    /// The socket is closed.
    pub fn of_stream(stream: TcpStream) -> io::Result<Port> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SEND))?;
        Ok(Port { link: Box::new(stream), again: None })
    }

    /// Opens the line again, after an error.
    ///
    /// # Errors
    /// As [`Port::open`]; it was not opened by address.
    pub fn reopen(&mut self) -> io::Result<()> {
        let (address, baud) = self.again.clone().ok_or(ErrorKind::ConnectionAborted)?;
        *self = Port::open(&address, baud)?;
        Ok(())
    }

    /// Whether [`Port::reopen`] can help.
    pub fn reopens(&self) -> bool {
        self.again.is_some()
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The line is closed or takes nothing.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.link.write_all(bytes)?;
        self.link.flush()
    }

    /// Waits for bytes and takes what has come; 0 if none came.
    ///
    /// # Errors
    /// The line is closed.
    pub fn receive(&mut self, buffer: &mut [u8], most: Duration) -> io::Result<usize> {
        self.link.wait(most.max(Duration::from_millis(1)))?;
        match self.link.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => Ok(n),
            Err(e) => match e.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(0),
                _ => Err(e),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["/dev/ttyACM0", "COM3", "tcp:localhost:4000", "tcp:[::1]:4000", "unix:/tmp/x"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "tcp:4000", "tcp::4000", "tcp:host:port", "unix:"] {
            assert!(text.parse::<Address>().unwrap_err().contains("expected"), "{text}");
        }
    }
}
