//! An instrument in an emulator that is started for it.

use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// An emulator with its first serial line on a socket; it ends with this value.
#[derive(Debug)]
pub struct Emulated {
    child: Child,
}

/// How long an emulator takes to start, at most.
const START: Duration = Duration::from_secs(20);

impl Emulated {
    /// Starts the emulator that `command` is, and returns it with its line.
    ///
    /// # Errors
    /// It cannot be run, or ends at once.
    pub fn start(mut command: Command) -> Result<(Emulated, TcpStream)> {
        let failed = |e: io::Error| Error::Failed(format!("the emulator: {e}"));
        // It connects to this program: so no port is free when it is chosen and taken when it is used.
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        command
            .args(["-monitor", "none", "-serial"])
            .arg(format!("tcp:127.0.0.1:{port},nodelay=on"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.get_program().to_string_lossy().into_owned();
        let child =
            command.spawn().map_err(|e| Error::Failed(format!("{program} cannot be run: {e}")))?;
        let mut this = Emulated { child };
        listener.set_nonblocking(true).map_err(failed)?;
        let start = Instant::now();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(failed)?;
                    return Ok((this, stream));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(failed(e)),
            }
            let ended = this.child.try_wait().map_err(failed)?;
            if let Some(status) = ended {
                return Err(Error::Failed(format!("{program} ended before it began: {status}")));
            }
            if start.elapsed() > START {
                return Err(Error::Failed(format!("{program} does not start")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
