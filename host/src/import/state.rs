//! A state dict: named arrays, each of which is read once and by somebody.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pushforward::model::file::unreadable;
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result, affordable};

/// An array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The numbers, row-major; truth values are 0 and 1.
    pub data: Vec<f64>,
}

/// A state dict.
#[derive(Debug)]
pub struct State {
    file: PathBuf,
    arrays: BTreeMap<String, Array>,
    used: RefCell<BTreeSet<String>>,
}

impl State {
    /// Reads a `.safetensors` file.
    ///
    /// # Errors
    /// The file is missing or malformed, or holds elements of a type that weights do not have.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).map_err(|e| Error::read(file, &e))?;
        affordable(file.display(), 4 * bytes.len() as u128)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| {
            let fault = unreadable(&e, &bytes);
            Error::input(file, format!("not a readable safetensors file: {fault}"))
        })?;
        let mut arrays = BTreeMap::new();
        for (name, view) in tensors.tensors() {
            let data = numbers(view.dtype(), view.data()).ok_or_else(|| {
                let found = view.dtype();
                let expected = "f64, f32, f16, bf16, i64, i32, u8 or bool";
                Error::input(
                    file,
                    format!("`{name}`: found elements of {found:?}, expected {expected}"),
                )
            })?;
            arrays.insert(name, Array { shape: view.shape().to_vec(), data });
        }
        Ok(Self { file: file.into(), arrays, used: RefCell::default() })
    }

    /// Something that is wrong with the file.
    pub fn fault(&self, message: impl ToString) -> Error {
        Error::input(&self.file, message)
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// Whether there is an array whose name begins so.
    pub fn has_within(&self, path: &str) -> bool {
        self.arrays.keys().any(|name| name.starts_with(path))
    }

    /// The names that begin so.
    pub fn names_within(&self, path: &str) -> Vec<String> {
        self.arrays.keys().filter(|name| name.starts_with(path)).cloned().collect()
    }

    /// An array.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn get(&self, name: &str) -> Result<&Array> {
        let Some(array) = self.arrays.get(name) else {
            let parent = name.rfind('.').map_or("", |dot| &name[..=dot]);
            let beside: Vec<&str> =
                self.arrays.keys().filter_map(|known| known.strip_prefix(parent)).take(8).collect();
            let beside = match &beside[..] {
                [] => String::new(),
                names => format!("; there are `{parent}` {}", names.join(", ")),
            };
            return Err(self.fault(format!("no tensor `{name}`{beside}")));
        };
        self.used.borrow_mut().insert(name.into());
        Ok(array)
    }

    /// An array of this shape.
    ///
    /// # Errors
    /// There is none, or it has another shape.
    pub fn shaped(&self, name: &str, shape: &[usize]) -> Result<&Array> {
        let array = self.get(name)?;
        if array.shape == shape {
            return Ok(array);
        }
        let found = &array.shape;
        Err(self.fault(format!("`{name}`: found shape {found:?}, expected {shape:?}")))
    }

    /// Finite numbers of this shape.
    ///
    /// # Errors
    /// There are none, they have another shape, or one is not finite.
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<&[f64]> {
        let array = self.shaped(name, shape)?;
        self.finite(name, &array.data)?;
        Ok(&array.data)
    }

    /// A vector of so many finite numbers.
    ///
    /// # Errors
    /// As [`State::numbers`].
    pub fn vector(&self, name: &str, len: usize) -> Result<&[f64]> {
        self.numbers(name, &[len])
    }

    /// A matrix of finite numbers.
    ///
    /// # Errors
    /// There is none, it has not two extents, or a number is not finite.
    pub fn matrix(&self, name: &str) -> Result<([usize; 2], &[f64])> {
        let array = self.get(name)?;
        let &[rows, columns] = &array.shape[..] else {
            let found = &array.shape;
            return Err(
                self.fault(format!("`{name}`: found shape {found:?}, expected two extents"))
            );
        };
        self.finite(name, &array.data)?;
        Ok(([rows, columns], &array.data))
    }

    fn finite(&self, name: &str, data: &[f64]) -> Result<()> {
        match data.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(i) => Err(self.fault(format!("`{name}`: number {i} is {}", data[i]))),
        }
    }

    /// Notes that an array says nothing that is not known otherwise.
    pub fn ignore(&self, name: &str) {
        self.used.borrow_mut().insert(name.into());
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Arrays that nobody asked for: the flow has parts that were not understood.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let left: Vec<&str> =
            self.arrays.keys().filter(|name| !used.contains(*name)).map(String::as_str).collect();
        match &left[..] {
            [] => Ok(()),
            [first, ..] => Err(self.fault(format!(
                "`{first}` ({} tensors in all) belongs to nothing that the settings describe",
                left.len()
            ))),
        }
    }
}

/// Elements as numbers; `None` for a type that is none here.
fn numbers(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    macro_rules! each {
        ($ty:ty, $number:ident => $to:expr) => {
            bytes
                .chunks_exact(size_of::<$ty>())
                .map(|bytes| {
                    let mut whole = [0; size_of::<$ty>()];
                    whole.copy_from_slice(bytes);
                    let $number = <$ty>::from_le_bytes(whole);
                    $to
                })
                .collect()
        };
    }
    Some(match dtype {
        Dtype::F64 => each!(f64, x => x),
        Dtype::F32 => each!(f32, x => f64::from(x)),
        Dtype::F16 => each!(half::f16, x => x.to_f64()),
        Dtype::BF16 => each!(half::bf16, x => x.to_f64()),
        Dtype::I64 => each!(i64, x => x as f64),
        Dtype::I32 => each!(i32, x => f64::from(x)),
        Dtype::U8 | Dtype::BOOL => each!(u8, x => f64::from(x)),
        _ => return None,
    })
}
