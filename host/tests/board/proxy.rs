//! A line that corrupts, drops and doubles bytes, and whose device may be replaced.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is between a host and a device.
pub(crate) struct Proxy {
    /// Where the host finds it.
    pub(crate) address: String,
    device: Arc<Mutex<TcpStream>>,
    passed: Arc<AtomicU64>,
}

/// Bytes in a hundred that are damaged.
const FAULTS: u64 = 1;

/// Damages bytes: a third of the faults each corrupts, drops and doubles one.
struct Faults(u64);

impl Faults {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            let random = self.next();
            match (random % 100 < FAULTS, random >> 32 & 3) {
                (false, _) => out.push(*byte),
                (true, 0 | 3) => out.push(byte ^ (1 + (random >> 40) as u8 % 255)),
                (true, 1) => {}
                (true, _) => out.extend([*byte, *byte]),
            }
        }
        out
    }
}

impl Proxy {
    /// A line to `device`, for one host.
    pub(crate) fn start(device: TcpStream) -> Proxy {
        ready(&device);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("tcp:{}", listener.local_addr().unwrap());
        let (device, passed) = (Arc::new(Mutex::new(device)), Arc::new(AtomicU64::new(0)));
        let this = Proxy { address, device: device.clone(), passed: passed.clone() };
        thread::spawn(move || {
            let (host, _) = listener.accept().unwrap();
            host.set_nodelay(true).unwrap();
            let current = move || device.lock().unwrap().try_clone().unwrap();
            let (mut from, to) = (host.try_clone().unwrap(), current.clone());
            thread::spawn(move || {
                let (mut faults, mut buffer) = (Faults(1), [0; 4096]);
                while let Ok(n @ 1..) = from.read(&mut buffer) {
                    // A device that is being reset takes nothing.
                    let _ = to().write_all(&faults.pass(&buffer[..n]));
                }
            });
            let (mut to, from) = (host, current);
            let (mut faults, mut buffer) = (Faults(2), [0; 4096]);
            loop {
                match from().read(&mut buffer) {
                    Ok(n @ 1..) => {
                        passed.fetch_add(n as u64, Ordering::Relaxed);
                        if to.write_all(&faults.pass(&buffer[..n])).is_err() {
                            return;
                        }
                    }
                    _ => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        this
    }

    /// Puts another device on the line.
    pub(crate) fn replace(&self, device: TcpStream) {
        ready(&device);
        *self.device.lock().unwrap() = device;
    }

    /// Waits until the device has sent this many bytes.
    pub(crate) fn wait_for(&self, bytes: u64) {
        while self.passed.load(Ordering::Relaxed) < bytes {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A device that was replaced is waited for no longer than this; and bytes go at once.
fn ready(device: &TcpStream) {
    device.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    device.set_nodelay(true).unwrap();
}
