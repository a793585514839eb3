//! Rows as pictures in text.

use std::io::IsTerminal;

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

/// What grey levels are drawn with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    /// Ten characters, of which any file is a picture.
    Characters,
    /// The 24 shades of a terminal.
    Shades,
}

impl Ink {
    /// What standard output can show; characters where `NO_COLOR` asks for them.
    pub(super) fn of_output() -> Ink {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if colours && std::io::stdout().is_terminal() { Ink::Shades } else { Ink::Characters }
    }
}

/// Grey levels from 0 to `most`, `width` to a line, two characters each so that they are square.
pub(super) fn greys(row: &[u16], width: usize, most: u16, ink: Ink) -> String {
    const CHARACTERS: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    const DARKEST: usize = 232;
    const BRIGHTEST: usize = 255;
    let (value, most) =
        (|value: &u16| usize::from(*value.min(&most.max(1))), usize::from(most.max(1)));
    let mut text = String::new();
    for line in row.chunks(width.max(1)) {
        for level in line.iter().map(value) {
            match ink {
                Ink::Characters => {
                    text.extend([CHARACTERS[level * (CHARACTERS.len() - 1) / most]; 2])
                }
                Ink::Shades => {
                    let shade = DARKEST + level * (BRIGHTEST - DARKEST) / most;
                    text += &format!("\x1b[48;5;{shade}m  ");
                }
            }
        }
        text += if let Ink::Shades = ink { "\x1b[0m\n" } else { "\n" };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_the_shape_of_rows() {
        assert_eq!(spins(&[1, -1, -1, 1, 1, 1], [3, 2]), "▀▄  \n▀▀  \n");
        assert_eq!(greys(&[0, 15, 7, 20], 2, 15, Ink::Characters), "  @@\n==@@\n");
        let shades = "\x1b[48;5;232m  \x1b[48;5;242m  \x1b[0m\n\x1b[48;5;255m  \x1b[0m\n";
        assert_eq!(greys(&[0, 7, 20], 2, 15, Ink::Shades), shades);
    }
}
