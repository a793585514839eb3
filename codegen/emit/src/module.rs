//! Checking a model against its budgets and emitting its module.

use std::path::PathBuf;

use proc_macro2::{Literal, TokenStream};
use pushforward::domain::Element;
use pushforward::model::{Arithmetic, Description, Golden, Model, Names, Source, Sources};
use quote::quote;

use crate::{Error, Options, Sampling, Storage};

/// How the module is introduced.
#[derive(Clone, Debug)]
pub struct Header {
    /// Attributes, visibility, `mod` and name.
    pub item: TokenStream,
    /// The model file, as the documentation calls it.
    pub source: String,
    /// What a change of makes cargo rebuild; `None` for text that is vendored.
    pub tracking: Option<Tracking>,
}

/// What the module depends on besides its source.
#[derive(Clone, Debug)]
pub struct Tracking {
    /// The model file.
    pub file: PathBuf,
    /// The environment variable that may name it.
    pub variable: Option<String>,
}

/// A model that has been checked and packed, ready to be written.
#[derive(Clone, Debug)]
pub struct Module {
    /// With weights as they will be stored.
    model: Model,
    options: Options,
    /// Little-endian, in the order in which the kernels read them.
    weights: Vec<u8>,
    /// Type and value of the model.
    source: Source,
    flash: Flash,
    /// Of a module that draws none: what it scores the golden rows with (nats).
    scores: Option<Vec<f32>>,
}

/// What a model takes of a microcontroller's flash, in bytes.
///
/// Weights and tables grow with the model and are exact, for pointers of four bytes. The code of the
/// engine does not; its figure is an upper bound for a kind of model and of weights: a quarter over the
/// largest image, less weights and tables, that a program for a Cortex-M4F has that draws, scores and
/// prints (at `opt-level = 3`, vectors included; a test holds f32 images against it). Golden rows come
/// on top in a program that reads them, and so does a second copy of drawing where a program draws
/// from a seed and from a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flash {
    /// All weights, biases and slopes.
    pub weights: usize,
    /// Masks, orders and sizes of layers.
    pub tables: usize,
    /// The engine's code for this kind of model, at most.
    pub code: usize,
}

impl Flash {
    /// All of it: what the budget is about.
    pub fn total(self) -> usize {
        self.weights + self.tables + self.code
    }
}

impl Module {
    /// Packs `model`, checks that it draws its golden rows again and holds it against its budgets.
    ///
    /// # Errors
    /// A weight beyond the range of its storage, golden rows with other bits, or a model over a
    /// budget.
    pub fn new(model: &Model, options: Options) -> Result<Self, Error> {
        if !model.golden_rows_hold()? {
            return Err(Error::Golden { path: None });
        }
        if options.weights == Storage::F16 && model.description().holds_integers() {
            let expected = "f32, which stores integers in the bits that they have";
            return Err(Error::BadValue { option: "weights", found: "f16".into(), expected });
        }
        let stored = match options.weights {
            Storage::F32 => model.clone(),
            Storage::F16 => model.rounded_to_f16()?,
        };
        let (seed, n) = model.golden_stream();
        let model = match stored.golden() {
            Some(_) => stored,
            None => stored.with_golden_rows(seed, n)?,
        };
        let weights = model.packed();
        let weights: Vec<u8> = match options.weights {
            Storage::F32 => weights.iter().flat_map(|w| w.to_le_bytes()).collect(),
            Storage::F16 => {
                weights.iter().flat_map(|w| half::f16::from_f32(*w).to_le_bytes()).collect()
            }
        };
        let (source, sources) = source(&model, &options);
        if let (Sampling::Exact, Some(how)) = (options.sampling, sources.inverse()) {
            return Err(Error::Inverse { how: how.to_owned() });
        }
        // Widening 16-bit weights is code of its own.
        let widening = match options.weights {
            Storage::F32 => 0,
            Storage::F16 => 6 << 10,
        };
        let (tables, code) = (sources.table_total(), sources.code_total() + widening);
        let flash = Flash { weights: weights.len(), tables, code };
        let scores = match options.sampling {
            Sampling::Exact => None,
            Sampling::None => scores(&model)?,
        };
        let module = Self { model, options, weights, source, flash, scores };
        let scratch = module.scratch_bytes();
        let exceeded = |allowed: Option<u64>, found| allowed.filter(|most| found as u64 > *most);
        if let Some(allowed) = exceeded(module.options.flash, flash.total()) {
            return Err(Error::Flash { flash, allowed });
        }
        if let Some(allowed) = exceeded(module.options.scratch, scratch) {
            return Err(Error::Scratch { found: scratch as u64, allowed });
        }
        let row = module.row_bytes();
        if let Some(allowed) = exceeded(module.options.stack, row + scratch) {
            return Err(Error::Stack { row, scratch, allowed });
        }
        Ok(module)
    }

    /// Bytes of flash, in parts.
    pub fn flash(&self) -> Flash {
        self.flash
    }

    /// Bytes of working memory that one row takes.
    pub fn scratch_bytes(&self) -> usize {
        size_of::<f32>() * self.model.description().scratch_len()
    }

    fn row_bytes(&self) -> usize {
        let description = self.model.description();
        description.dim() * description.domain().element().bytes()
    }

    /// The module as tokens.
    pub fn tokens(&self, header: &Header) -> TokenStream {
        let description = self.model.description();
        let docs = self.docs(&header.source);
        let Header { item, .. } = header;
        let tracking = header.tracking.as_ref().map(tracking);
        let refusal = refusal(self.model.arithmetic());
        let dim = Literal::usize_unsuffixed(description.dim());
        let Flash { weights: weight_bytes, tables, code } = self.flash();
        let [weight_bytes, tables, code] =
            [weight_bytes, tables, code].map(Literal::usize_unsuffixed);
        let scratch = Literal::usize_unsuffixed(description.scratch_len());
        let [stack, instructions] = [self.options.stack, self.options.instructions].map(budget);
        let multiply_adds = Literal::usize_unsuffixed(description.multiply_adds());
        let (element, element_doc) = match description.domain().element() {
            Element::F32 => (quote!(f32), " An element of a row."),
            Element::I8 => (quote!(i8), " An element of a row: a spin, −1 or +1."),
            Element::U8 => (quote!(u8), " An element of a row: a category, counted from 0."),
            Element::U16 => (quote!(u16), " An element of a row: a category, counted from 0."),
        };
        let link_section = self
            .options
            .link_section
            .as_ref()
            .map(|section| quote!(#[unsafe(link_section = #section)]));
        let weights = Literal::byte_string(&self.weights);
        let rectangles = self.model.rectangles_of_bytes();
        let mut weights = quote!(*#weights);
        // Laying out is work for the compiler.
        let long = (!rectangles.is_empty()).then(|| quote!(#![allow(long_running_const_eval)]));
        if !rectangles.is_empty() {
            let rectangles = rectangles.into_iter().map(|rectangle| {
                let rectangle = rectangle.map(Literal::usize_unsuffixed);
                quote!([#(#rectangle),*])
            });
            weights = quote!(engine::simd::bytes::laid_out(#weights, &[#(#rectangles),*]));
        }
        let (network, value) = self.network();
        let (golden, names) = (self.golden_tokens(), self.names_tokens());
        let sampling = self.options.sampling;
        let functions = functions(description.context() > 0, sampling);
        let context = Literal::usize_unsuffixed(description.context());
        let is_value = description.context() == 0 && sampling == Sampling::Exact;
        let distribution = is_value.then(|| {
            quote! {
                /// The model as one value that draws from any generator: with the engine's feature
                /// `rand`, a `rand::distr::Distribution<[Element; DIM]>`.
                pub static DISTRIBUTION: engine::compiled::Compiled<
                    Network, Element, DIM, #scratch,
                > = engine::compiled::Compiled::new(&MODEL);
            }
        });
        // The option was checked to be a path, which is always a sequence of tokens.
        let engine = self.options.engine.as_deref().unwrap_or("::pushforward");
        let engine: TokenStream = engine.parse().unwrap_or_default();

        // A bound of π is written in digits, as every number of a description.
        quote! {
            #item {
                #(#![doc = #docs])*
                #![allow(clippy::approx_constant)]
                #long
                #tracking
                use #engine as engine;

                #refusal

                /// Values in a row.
                pub const DIM: usize = #dim;
                /// Values that a row is given, its context; 0 for a model that takes none.
                pub const CONTEXT: usize = #context;
                #names
                /// Bytes of flash that the weights take.
                pub const WEIGHT_BYTES: usize = #weight_bytes;
                /// Bytes of flash that masks, orders and sizes of layers take, where pointers have
                /// four bytes.
                pub const TABLE_BYTES: usize = #tables;
                /// Bytes of flash that the engine's code for this kind of model takes on a
                /// Cortex-M4F, at most.
                pub const CODE_BYTES: usize = #code;
                /// Bytes of flash that the model takes, at most: weights, tables and code.
                pub const FLASH_BYTES: usize = WEIGHT_BYTES + TABLE_BYTES + CODE_BYTES;
                /// Bytes of working memory that one row takes: the size of [`Scratch`].
                pub const SCRATCH_BYTES: usize = ::core::mem::size_of::<Scratch>();
                /// Multiply-adds of drawing one row.
                pub const MULTIPLY_ADDS: usize = #multiply_adds;
                /// The most bytes of stack that a program with a row and [`Scratch`] on it may take: a budget
                /// for programs that measure it.
                pub const STACK_BUDGET: ::core::option::Option<u64> = #stack;
                /// The most instructions that any one row may take: a budget for programs that count
                /// them.
                pub const INSTRUCTIONS_BUDGET: ::core::option::Option<u64> = #instructions;
                #[doc = #element_doc]
                pub type Element = #element;

                /// All weights, in the order in which the kernels read them.
                #link_section
                static WEIGHTS: engine::simd::embed::Embedded<WEIGHT_BYTES> =
                    engine::simd::embed::Embedded::new(#weights);
                /// The type of [`MODEL`].
                pub type Network = #network;
                /// The model, for calls of the engine that have no wrapper here.
                pub static MODEL: Network = #value;
                #distribution

                #golden

                /// Working memory of the functions for one row: a local variable or a `static`.
                #[derive(::core::clone::Clone, ::core::fmt::Debug)]
                pub struct Scratch([f32; #scratch]);

                impl Scratch {
                    /// Working memory; what it holds does not matter.
                    pub const fn new() -> Self {
                        Self([0.0; #scratch])
                    }
                }

                impl ::core::default::Default for Scratch {
                    fn default() -> Self {
                        Self::new()
                    }
                }

                #functions
            }
        }
    }

    /// The module `name` as formatted source text; `source` is how the text names the model file.
    #[cfg(feature = "text")]
    pub(crate) fn text(&self, name: syn::Ident, source: &str) -> Result<String, Error> {
        let bad_name = |_| Error::Name { found: name.to_string() };
        let item = quote!(pub mod #name);
        let header = Header { item, source: source.to_owned(), tracking: None };
        let file = syn::parse2::<syn::File>(self.tokens(&header)).map_err(bad_name)?;
        Ok(prettyplease::unparse(&file))
    }

    /// The module's documentation, line by line.
    pub(crate) fn docs(&self, source: &str) -> Vec<String> {
        let description = self.model.description();
        let arithmetic = self.model.arithmetic().name();
        let storage = match self.options.weights {
            _ if description.holds_integers() => "integer",
            Storage::F32 => "f32",
            Storage::F16 => "f16",
        };
        let mut lines = vec![
            match self.options.sampling {
                Sampling::Exact => {
                    format!(" Compiled from `{source}`: exact samples and exact log-probabilities.")
                }
                Sampling::None => {
                    format!(" Compiled from `{source}`: exact log-probabilities, and no samples.")
                }
            },
            String::new(),
            format!(
                " {}, shape {:?}, {} parameters, {arithmetic} arithmetic, {storage} weights.",
                kind(description),
                description.shape(),
                description.parameters(),
            ),
        ];
        if !self.model.provenance.is_empty() {
            lines.extend([String::new(), " Provenance:".into()]);
            let entry = |(key, value)| format!(" - {key}: `{value}`");
            lines.extend(self.model.provenance.iter().map(entry));
        }
        lines
    }

    /// The type and the value of the model.
    fn network(&self) -> (TokenStream, TokenStream) {
        let Source { ty, value } = &self.source;
        let weights = match self.options.weights {
            Storage::F32 => quote!(WEIGHTS.as_f32()),
            Storage::F16 => quote!(WEIGHTS.as_f16()),
        };
        // The engine writes sequences of tokens.
        let [ty, value] = [ty, value].map(|text| text.parse::<TokenStream>().unwrap_or_default());
        (ty, quote!({ let weights = #weights; #value }))
    }

    fn names_tokens(&self) -> Option<TokenStream> {
        let Names { row, context } = self.model.names()?;
        Some(quote! {
            /// What the values of a row are called.
            pub const COLUMNS: [&str; DIM] = [#(#row),*];
            /// What the values that a row is given are called.
            pub const CONTEXT_COLUMNS: [&str; CONTEXT] = [#(#context),*];
        })
    }

    fn golden_tokens(&self) -> Option<TokenStream> {
        let Golden { seed, context, rows, log_prob } = self.model.golden()?;
        let embedded = |floats: &[f32]| {
            let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
            let (n, literal) = (bytes.len(), Literal::byte_string(&bytes));
            let n = Literal::usize_unsuffixed(n);
            quote! {{
                static BYTES: engine::simd::embed::Embedded<#n> =
                    engine::simd::embed::Embedded::new(*#literal);
                BYTES.as_f32()
            }}
        };
        let (log_prob, log_prob_doc) = match &self.scores {
            None => (log_prob, " The log-probability of each golden row (nats), to the bit."),
            Some(scores) => (
                scores,
                " The log-probability of each golden row as it was rounded (nats), to the bit.",
            ),
        };
        let (rows, log_prob) = (embedded(rows), embedded(log_prob));
        let context = if context.is_empty() { quote!(&[]) } else { embedded(context) };
        Some(quote! {
            /// The seed of the golden rows.
            pub const GOLDEN_SEED: u64 = #seed;
            /// Samples `0, 1, …` of the stream [`GOLDEN_SEED`], row after row: what every build on
            /// every target draws. Takes flash only where it is used.
            pub static GOLDEN_ROWS: &[f32] = #rows;
            #[doc = #log_prob_doc]
            pub static GOLDEN_LOG_PROB: &[f32] = #log_prob;
            /// What each golden row is given, row after row.
            pub static GOLDEN_CONTEXT: &[f32] = #context;
        })
    }
}

/// The log-probabilities (nats) of a model's golden rows as they were rounded.
fn scores(model: &Model) -> Result<Option<Vec<f32>>, Error> {
    let Some(Golden { context, rows, log_prob, .. }) = model.golden() else { return Ok(None) };
    let mut scores = vec![0.0; log_prob.len()];
    // As many rows, and contexts, as log-probabilities: it was checked when the model was read.
    let _fits = model.sampler()?.given(context).try_log_prob(rows, &mut scores);
    Ok(Some(scores))
}

/// The model as Rust: types and values of its parts.
fn source(model: &Model, options: &Options) -> (Source, Sources) {
    let weight = match options.weights {
        Storage::F32 => "f32",
        Storage::F16 => "engine::simd::embed::f16",
    };
    let arithmetic = match model.arithmetic() {
        Arithmetic::Fused => "engine::kernel::Fused",
        Arithmetic::Plain => "engine::kernel::Plain",
        Arithmetic::Integer => "engine::kernel::Integer",
    };
    model.description().source(weight, arithmetic)
}

/// A budget that the module carries.
fn budget(allowed: Option<u64>) -> TokenStream {
    match allowed.map(Literal::u64_unsuffixed) {
        Some(allowed) => quote!(::core::option::Option::Some(#allowed)),
        None => quote!(::core::option::Option::None),
    }
}

/// What the module's documentation calls the model.
fn kind(description: &Description) -> String {
    match description {
        Description::Flow(flow) => format!("A flow of {} layers", flow.layers.len()),
        Description::Sites(sites) => {
            format!("A distribution over {} sites", sites.shape.iter().product::<usize>())
        }
    }
}

/// A compile error in firmware whose CPU would have to emulate every multiply-add.
fn refusal(arithmetic: Arithmetic) -> Option<TokenStream> {
    let message = "this model's arithmetic is `fused`, for which this target has no instruction: \
                   train it with `arithmetic = \"plain\"`";
    match arithmetic {
        Arithmetic::Plain | Arithmetic::Integer => None,
        Arithmetic::Fused => Some(quote! {
            const _: () = ::core::assert!(
                engine::kernel::Fused::IS_NATIVE || !::core::cfg!(target_os = "none"),
                #message
            );
        }),
    }
}

/// Makes cargo rebuild when the file or the variable changes.
fn tracking(tracking: &Tracking) -> TokenStream {
    let file = tracking.file.to_str().map(|file| {
        quote!(
            const _: &[u8] = ::core::include_bytes!(#file);
        )
    });
    let variable = tracking.variable.as_ref().map(|name| {
        quote!(
            const _: ::core::option::Option<&str> = ::core::option_env!(#name);
        )
    });
    quote!(#file #variable)
}

/// The functions of every module: types fix the lengths of buffers for one row, so these forms
/// cannot fail.
///
/// A model with a context takes it as one more argument: of one row as an array, and of many rows as a
/// slice of one for all or of one for each.
fn functions(conditional: bool, sampling: Sampling) -> TokenStream {
    let distribution = quote!(engine::distribution);
    let one = conditional.then(|| quote!(context: &[f32; CONTEXT],));
    let many = conditional.then(|| quote!(context: &[f32],));
    let pass = conditional.then(|| quote!(context,));
    let model = match conditional {
        true => quote!(#distribution::Given { model: &MODEL, context }),
        false => quote!(&MODEL),
    };
    let result = quote!(::core::result::Result<(), #distribution::Error>);
    let level = quote!(engine::simd::Level::best());
    let stream = quote!(&mut engine::noise::Stream::new(seed));
    let (some, none) = (quote!(::core::option::Option::Some), quote!(::core::option::Option::None));
    let exact = sampling == Sampling::Exact;
    let draws = exact.then(|| {
        quote! {
            /// Draws sample `index` of the stream `seed`.
            pub fn sample(
                seed: u64,
                index: u64,
                #one
                row: &mut [Element; DIM],
                scratch: &mut Scratch,
            ) {
                let rows = ::core::slice::from_mut(row);
                let _fits = sample_rows(seed, index, #pass rows, &mut scratch.0);
            }

            /// Draws sample `index` of the stream `seed` and returns its log-probability (nats) along the
            /// path of the draw; NaN if the draw overflowed.
            pub fn sample_with_log_prob(
                seed: u64,
                index: u64,
                #one
                row: &mut [Element; DIM],
                scratch: &mut Scratch,
            ) -> f32 {
                let mut log_prob = 0.0;
                let (rows, out) = (::core::slice::from_mut(row), ::core::slice::from_mut(&mut log_prob));
                let _fits = sample_rows_with_log_prob(seed, index, #pass rows, out, &mut scratch.0);
                log_prob
            }

            /// Draws sample `index` of the stream `seed` and returns the log-probability (nats) of the row
            /// as it was rounded, the bits of [`log_prob`]: a draw and a score.
            pub fn sample_scored(
                seed: u64,
                index: u64,
                #one
                row: &mut [Element; DIM],
                scratch: &mut Scratch,
            ) -> f32 {
                let mut log_prob = 0.0;
                let (rows, out) = (::core::slice::from_mut(row), ::core::slice::from_mut(&mut log_prob));
                let _fits = sample_rows_scored(seed, index, #pass rows, out, &mut scratch.0);
                log_prob
            }
        }
    });
    let more_draws = exact.then(|| {
        quote! {
            /// Draws a row with words of `rng`, any generator of the `rand` ecosystem, and returns its
            /// log-probability (nats). `engine::noise::SampleRng::new(seed, index)` gives sample `index`
            /// of the stream `seed`, with the same bits at every SIMD level.
            pub fn sample_from<R: engine::noise::Rng + ?::core::marker::Sized>(
                rng: &mut R,
                #one
                row: &mut [Element; DIM],
                scratch: &mut Scratch,
            ) -> f32 {
                let mut log_prob = 0.0;
                let (rows, out) = (row.as_mut_slice(), ::core::slice::from_mut(&mut log_prob));
                let noise = &mut engine::noise::FromRng(rng);
                let _fits = #distribution::sample(
                    #model, #level, noise, 0, rows, #some(out), &mut scratch.0,
                );
                log_prob
            }

            /// Draws samples `first, first + 1, …` of the stream `seed`.
            ///
            /// # Errors
            /// Scratch smaller than [`SCRATCH_BYTES`]; see [`scratch_len`] for the quickest length. A
            /// draw that overflowed; all rows are written then.
            pub fn sample_rows(
                seed: u64,
                first: u64,
                #many
                rows: &mut [[Element; DIM]],
                scratch: &mut [f32],
            ) -> #result {
                let rows = rows.as_flattened_mut();
                #distribution::sample(#model, #level, #stream, first, rows, #none, scratch)
            }

            /// Draws samples `first, first + 1, …` of the stream `seed` and their log-probabilities
            /// (nats) along the path of the draw.
            ///
            /// # Errors
            /// Scratch smaller than [`SCRATCH_BYTES`], or not one log-probability a row. A draw that
            /// overflowed; all rows are written then, NaN as its log-probability.
            pub fn sample_rows_with_log_prob(
                seed: u64,
                first: u64,
                #many
                rows: &mut [[Element; DIM]],
                log_prob: &mut [f32],
                scratch: &mut [f32],
            ) -> #result {
                let rows = rows.as_flattened_mut();
                #distribution::sample(#model, #level, #stream, first, rows, #some(log_prob), scratch)
            }

            /// As [`sample_rows_with_log_prob`], with the log-probabilities (nats) of the rows as they
            /// were rounded, the bits of [`log_prob_rows`]: a draw and a score.
            ///
            /// # Errors
            /// As [`sample_rows_with_log_prob`].
            pub fn sample_rows_scored(
                seed: u64,
                first: u64,
                #many
                rows: &mut [[Element; DIM]],
                log_prob: &mut [f32],
                scratch: &mut [f32],
            ) -> #result {
                let rows = rows.as_flattened_mut();
                #distribution::sample_scored(#model, #level, #stream, first, rows, log_prob, scratch)
            }
        }
    });
    quote! {
        #draws

        /// The log-probability of a row (nats); −∞ for a row that the model cannot draw.
        pub fn log_prob(#one row: &[Element; DIM], scratch: &mut Scratch) -> f32 {
            let mut log_prob = 0.0;
            let (rows, out) = (::core::slice::from_ref(row), ::core::slice::from_mut(&mut log_prob));
            let _fits = log_prob_rows(#pass rows, out, &mut scratch.0);
            log_prob
        }

        #more_draws

        /// The log-probability of each row (nats); −∞ for a row that the model cannot draw.
        ///
        /// # Errors
        /// Scratch smaller than [`SCRATCH_BYTES`], or not one log-probability a row.
        pub fn log_prob_rows(
            #many
            rows: &[[Element; DIM]],
            log_prob: &mut [f32],
            scratch: &mut [f32],
        ) -> #result {
            #distribution::log_prob(#model, #level, rows.as_flattened(), log_prob, scratch)
        }

        /// Floats of scratch with which calls on this many rows are quickest.
        pub fn scratch_len(rows: usize) -> usize {
            #distribution::scratch_len(&MODEL, #level, rows)
        }
    }
}
