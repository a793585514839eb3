//! The images of a row under a group, by what each transformation says.

use pushforward::domain::{Domain, Kind};
use pushforward::symmetry::{GroupSpec, Values};

/// The image under each element, of a chain or of rows and columns.
///
/// # Panics
/// If the shape is of neither or the domain not one of as many values at every site.
pub(crate) fn images(
    group: &GroupSpec,
    shape: &[usize],
    domain: Domain<'_>,
    row: &[f64],
) -> Vec<Vec<f64>> {
    let [rows, columns] = match *shape {
        [columns] => [1, columns],
        [rows, columns] => [rows, columns],
        _ if !group.translations && !group.point => [1, row.len()],
        _ => panic!("found {shape:?}, expected a chain or rows and columns"),
    };
    let Domain::Uniform(kind) = domain else { panic!("found {domain:?}, expected one kind") };
    let up_to = |n: usize, wanted: bool| 0..if wanted { n } else { 1 };
    let mut all = Vec::new();
    for (down, right) in pairs(up_to(rows, group.translations), up_to(columns, group.translations))
    {
        let moved = |y: usize, x: usize| row[(y + down) % rows * columns + (x + right) % columns];
        for transposed in up_to(2, group.point && rows == columns && rows > 1) {
            for (up, left) in pairs(up_to(2, group.point && rows > 1), up_to(2, group.point)) {
                let image = pairs(0..rows, 0..columns).map(|(y, x)| {
                    let (y, x) = if transposed == 1 { (x, y) } else { (y, x) };
                    let y = if up == 1 { rows - 1 - y } else { y };
                    let x = if left == 1 { columns - 1 - x } else { x };
                    moved(y, x)
                });
                let image: Vec<f64> = image.collect();
                for map in maps(group.values, kind) {
                    all.push(image.iter().map(|x| map(*x)).collect());
                }
            }
        }
    }
    all
}

fn pairs(
    a: impl Iterator<Item = usize>,
    b: impl Iterator<Item = usize> + Clone,
) -> impl Iterator<Item = (usize, usize)> {
    a.flat_map(move |a| b.clone().map(move |b| (a, b)))
}

type Map = Box<dyn Fn(f64) -> f64>;

/// The maps of a value.
fn maps(values: Values, kind: Kind) -> Vec<Map> {
    let n = kind.values();
    let identity: Map = Box::new(|x| x);
    match (values, kind) {
        (Values::Same, _) => vec![identity],
        (Values::Reversal, Kind::Spin) => vec![identity, Box::new(|x| -x)],
        (Values::Reversal, _) => vec![identity, Box::new(move |x| n as f64 - 1.0 - x)],
        (Values::Cyclic, _) => {
            (0..n).map(|k| -> Map { Box::new(move |x| (x + k as f64) % n as f64) }).collect()
        }
        (Values::Permutations, _) => permutations(n)
            .into_iter()
            .map(|p| -> Map { Box::new(move |x| p[x as usize] as f64) })
            .collect(),
    }
}

/// All orders of the numbers below `n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let into = |order: Vec<usize>, place: usize| {
        let mut order = order;
        order.insert(place, last);
        order
    };
    let all = permutations(last);
    all.iter().flat_map(|order| (0..n).map(move |place| into(order.clone(), place))).collect()
}
