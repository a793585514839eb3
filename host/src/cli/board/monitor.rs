//! `board monitor`: rows as they come.

use bytemuck::Pod;
use pushforward::domain::Element;

use super::line::{self, Device, Given, Typed};
use crate::cli::{count, picture, print};
use crate::error::{Error, Result, note};
use crate::loaded::{Value, read};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    device: Given,
    /// How many rows; without end if not given.
    #[arg(short, long = "number", value_name = "N", value_parser = count)]
    n: Option<u64>,
    /// Names the stream of samples; 0 takes a seed from the device's entropy, and says which.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Rows are shown as pictures of this shape; the model's, or a square, if not given.
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = shape)]
    shape: Option<[usize; 2]>,
    /// The largest category, which is white; the largest that was seen if not given.
    #[arg(long)]
    levels: Option<u16>,
}

fn shape(text: &str) -> std::result::Result<[usize; 2], String> {
    let sides = text.split_once('x').and_then(|(h, w)| Some([h.parse().ok()?, w.parse().ok()?]));
    sides.filter(|[h, w]| *h > 0 && *w > 0).ok_or_else(|| "expected HEIGHTxWIDTH, 8x8".into())
}

pub(super) fn run(args: &Args) -> Result<()> {
    let stored = args.device.model().map(read).transpose()?;
    let device = args.device.open()?;
    let dim = device.client.identity().dim;
    let of_model =
        stored.as_ref().and_then(|m| <[usize; 2]>::try_from(m.description().shape()).ok());
    let square = Some([dim.isqrt(); 2]).filter(|[h, w]| h * w == dim);
    if let Some([h, w]) = args.shape.filter(|[h, w]| h.checked_mul(*w) != Some(dim)) {
        return Err(Error::Usage(format!(
            "--shape {h}x{w}: found another number than {dim} values, as a row has"
        )));
    }
    let shape = args.shape.or(of_model).or(square).unwrap_or([1, dim]);
    let element = line::element(device.client.identity().element);
    line::with(element, Monitor { args, shape, device, element })
}

struct Monitor<'a> {
    args: &'a Args,
    shape: [usize; 2],
    device: Device,
    element: Element,
}

impl Typed for Monitor<'_> {
    fn run<V: Value + Pod>(self) -> Result<()> {
        let Monitor { args, shape, device: Device { mut client, .. }, element } = self;
        let bytes = client.identity().row_bytes();
        let seed = match args.seed {
            0 => client.entropy()?,
            seed => seed,
        };
        note(format!("seed {seed}"));
        let ink = picture::Ink::of_output();
        let mut most = args.levels.unwrap_or(1);
        for index in 0..args.n.unwrap_or(u64::MAX) {
            let (mut row, mut log_prob) = (vec![0; bytes], [0]);
            client.sample(seed, index, &mut row, &mut log_prob)?;
            let [log_prob] = log_prob.map(f32::from_bits);
            let levels = |row: &[u16], most: &mut u16| {
                if args.levels.is_none() {
                    *most = row.iter().copied().fold(*most, u16::max);
                }
                picture::greys(row, shape[1], *most, ink)
            };
            let text = match element {
                Element::I8 => picture::spins(bytemuck::cast_slice(&row), shape),
                Element::U8 => {
                    levels(&row.iter().map(|x| u16::from(*x)).collect::<Vec<_>>(), &mut most)
                }
                Element::U16 => levels(&line::values::<u16>(&row), &mut most),
                Element::F32 => {
                    let values = line::values::<f32>(&row);
                    values.iter().map(|x| format!("{x:10.4}")).collect::<String>() + "\n"
                }
            };
            print(&format!("{index}  ln q {log_prob:.4}\n{text}"))?;
        }
        Ok(())
    }
}
