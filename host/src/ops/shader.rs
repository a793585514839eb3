//! What Rust tells WGSL: a call's arguments, and the constants that both sides share.
//!
//! Both are named once, in Rust, and declared to the shader in front of its text, so a number has no
//! place that two files must agree on. An argument `x` is the field `call.x` of a uniform, whose
//! declaration comes from the same list as its contents; a constant is a `const` of its name.

use std::borrow::Cow;
use std::fmt::Write;

use super::Layout;

/// Threads of a workgroup that has one dimension.
pub(crate) const GROUP: usize = 256;
/// No parameter, no matrix.
pub(crate) const NONE: u32 = u32::MAX;

/// A number that WGSL is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Word {
    /// A place, a size, or 1 for true.
    U32(u32),
    /// A real number.
    F32(f32),
    /// A real number that is rounded where it is used; for constants only.
    F64(f64),
}

impl From<u32> for Word {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<usize> for Word {
    fn from(value: usize) -> Self {
        Self::U32(value as u32)
    }
}

impl From<bool> for Word {
    fn from(value: bool) -> Self {
        Self::U32(value.into())
    }
}

impl From<f32> for Word {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<f64> for Word {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

/// The arguments of a call, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    fields: Vec<(&'static str, Word)>,
    /// Positions of the matrices that it works on.
    positions: usize,
    /// The constants of a target's energy, in place of names that its text would have to know.
    constants: Option<[u32; 8]>,
}

impl Arguments {
    pub(crate) fn new(fields: Vec<(&'static str, Word)>) -> Self {
        Self { fields, positions: 1, constants: None }
    }

    /// Of a call that works on matrices of so many positions.
    pub(crate) fn over(self, positions: usize) -> Self {
        Self { positions, ..self }
    }

    /// With these numbers as `call.constants`.
    pub(crate) fn with_constants(self, constants: [u32; 8]) -> Self {
        Self { constants: Some(constants), ..self }
    }

    /// These arguments and others, of other names.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.fields.extend(others.fields);
        self
    }

    /// What the uniform holds: the batch's sizes, then the arguments, in words of four bytes.
    pub fn words(&self, layout: &Layout) -> Vec<u32> {
        let columns = layout.columns() * self.positions;
        let sizes = [columns, layout.samples, layout.copies, layout.data_rows];
        let mut words: Vec<u32> = sizes.iter().map(|&size| size as u32).collect();
        words.extend(self.constants.iter().flatten());
        words.extend(self.fields.iter().map(|(_, word)| match word {
            Word::U32(word) => *word,
            Word::F32(number) => number.to_bits(),
            Word::F64(number) => (*number as f32).to_bits(),
        }));
        words
    }

    /// The declaration of the uniform's type, `Call`.
    pub fn wgsl(&self) -> String {
        let mut text =
            "struct Call {\n    columns: u32,\n    samples: u32,\n    copies: u32,\n    data_rows: u32,\n"
                .to_owned();
        if self.constants.is_some() {
            text += "    constants: array<vec4<u32>, 2>,\n";
        }
        for (name, word) in &self.fields {
            let kind = if matches!(word, Word::U32(_)) { "u32" } else { "f32" };
            let _ = writeln!(text, "    {name}: {kind},");
        }
        text + "}\n"
    }
}

/// `arguments! { x: layout.offset(x), bound: 3.0 }`: [`Arguments`] by these names.
macro_rules! arguments {
    ($($name:ident: $value:expr),* $(,)?) => {
        $crate::ops::shader::Arguments::new(vec![
            $((stringify!($name), $crate::ops::shader::Word::from($value))),*
        ])
    };
}
pub(crate) use arguments;

/// `constants![TILE, SCORE = 0]`: WGSL text that declares them; those without a value are Rust's.
macro_rules! constants {
    (@value $name:ident) => { $name };
    (@value $name:ident $value:expr) => { $value };
    ($($name:ident $(= $value:expr)?),* $(,)?) => {
        std::borrow::Cow::<'static, str>::Owned([
            $($crate::ops::shader::constant(
                stringify!($name),
                $crate::ops::shader::constants!(@value $name $($value)?).into(),
            )),*
        ].concat())
    };
}
pub(crate) use constants;

/// The declaration of one constant.
pub(crate) fn constant(name: &str, value: Word) -> String {
    match value {
        Word::U32(value) => format!("const {name}: u32 = {value}u;\n"),
        Word::F32(value) => format!("const {name}: f32 = {value:?}f;\n"),
        Word::F64(value) => format!("const {name} = {value:?};\n"),
    }
}

/// A row of a table: a Rust type with fields of `u32`, its words, and WGSL text with the same type,
/// its length, and a function that reads row `index` of a table.
macro_rules! record {
    ($(#[$doc:meta])* $type:ident, $read:ident { $($field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $type {
            $(pub(crate) $field: u32),*
        }

        impl $type {
            pub(crate) fn words(self) -> Vec<u32> {
                vec![$(self.$field),*]
            }

            pub(crate) fn wgsl() -> std::borrow::Cow<'static, str> {
                $crate::ops::shader::record_text(
                    stringify!($type),
                    stringify!($read),
                    &[$(stringify!($field)),*],
                ).into()
            }
        }
    };
}
pub(crate) use record;

pub(crate) fn record_text(kind: &str, read: &str, fields: &[&str]) -> String {
    let length = fields.len();
    let declared: String = fields.iter().map(|field| format!("    {field}: u32,\n")).collect();
    let words: Vec<String> = (0..length).map(|i| format!("tables[at + {i}u]")).collect();
    format!(
        "struct {kind} {{\n{declared}}}\n\
         fn {read}(table: u32, index: u32) -> {kind} {{\n    let at = table + {length}u * index;\n    \
         return {kind}({});\n}}\n",
        words.join(", ")
    )
}

/// One call of a WGSL entry point.
#[derive(Clone, Debug)]
pub struct Launch {
    /// WGSL texts, joined behind the prelude.
    pub sources: Vec<Cow<'static, str>>,
    /// The entry point.
    pub entry: &'static str,
    /// Its arguments.
    pub arguments: Arguments,
    /// Workgroups in x, y, z.
    pub groups: [u32; 3],
}
