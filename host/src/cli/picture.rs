//! Rows as pictures in text.

/// Lattices of spins of one `[height, width]`, one after another in `rows`: side by side, two rows of spins to a
/// line of half blocks.
pub(super) fn spins(rows: &[i8], [height, width]: [usize; 2]) -> String {
    let mut text = String::new();
    for r in (0..height).step_by(2) {
        for lattice in rows.chunks_exact(height * width) {
            for c in 0..width {
                let up = |r: usize| r < height && lattice[r * width + c] > 0;
                text.push(match (up(r), up(r + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str("  ");
        }
        text.push('\n');
    }
    text
}

/// Grey levels from 0 to `most`, `width` to a line, two characters each so that they are square.
pub(super) fn greys(row: &[u16], width: usize, most: u16) -> String {
    const INK: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    let mut text = String::new();
    for line in row.chunks(width.max(1)) {
        for value in line {
            let level = usize::from(*value) * (INK.len() - 1) / usize::from(most.max(1));
            let ink = INK[level.min(INK.len() - 1)];
            text.extend([ink, ink]);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_the_shape_of_rows() {
        assert_eq!(spins(&[1, -1, -1, 1, 1, 1], [3, 2]), "▀▄  \n▀▀  \n");
        assert_eq!(greys(&[0, 15, 7, 20], 2, 15), "  @@\n==@@\n");
    }
}
