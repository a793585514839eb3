//! Parsing: what the user wrote, each part with its place for the errors to point at.

use std::env;
use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use pushforward_emit::{Error, Header, Module, Options, Tracking};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Lit, LitStr, Token, Visibility};

/// All items of one call of the macro.
pub(crate) struct Input(Vec<Item>);

/// `[attributes] [visibility] mod NAME = SOURCE [, OPTION = VALUE]…`
struct Item {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    source: Source,
    settings: Vec<Setting>,
}

/// Where the model file is.
enum Source {
    Path(LitStr),
    Env { variable: LitStr, default: LitStr },
}

/// `OPTION = VALUE`
struct Setting {
    name: Ident,
    value: Lit,
}

impl Parse for Input {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![;]>()?;
            }
        }
        Ok(Self(items))
    }
}

impl Parse for Item {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Token![mod]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let source = input.parse()?;
        let mut settings = Vec::new();
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            if input.is_empty() || input.peek(Token![;]) {
                break;
            }
            settings.push(input.parse()?);
        }
        Ok(Self { attributes, visibility, name, source, settings })
    }
}

impl Parse for Source {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return Ok(Self::Path(input.parse()?));
        }
        const EXPECTED: &str = "expected the path of a model file, or env!(\"VARIABLE\", \"path\")";
        let name: Ident = input.parse().map_err(|e| syn::Error::new(e.span(), EXPECTED))?;
        if name != "env" {
            return Err(syn::Error::new(name.span(), EXPECTED));
        }
        input.parse::<Token![!]>()?;
        let inside;
        syn::parenthesized!(inside in input);
        let variable = inside.parse()?;
        inside.parse::<Token![,]>()?;
        let default = inside.parse()?;
        if !inside.is_empty() {
            inside.parse::<Token![,]>()?;
        }
        Ok(Self::Env { variable, default })
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        // `crate` is an option, and a keyword.
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: input.parse()? })
    }
}

impl Source {
    /// The literal that errors about the file point at.
    fn span(&self) -> Span {
        match self {
            Self::Path(path) => path.span(),
            Self::Env { default, .. } => default.span(),
        }
    }

    /// The path as the user gave it, and the variable it may come from.
    fn path(&self) -> (PathBuf, Option<String>) {
        match self {
            Self::Path(path) => (path.value().into(), None),
            Self::Env { variable, default } => {
                let name = variable.value();
                let path = env::var_os(&name).filter(|p| !p.is_empty());
                (path.map_or_else(|| default.value().into(), PathBuf::from), Some(name))
            }
        }
    }
}

impl Setting {
    /// The value as text: a string or an integer literal.
    fn text(&self) -> syn::Result<String> {
        match &self.value {
            Lit::Str(text) => Ok(text.value()),
            Lit::Int(number) if number.suffix().is_empty() => Ok(number.base10_digits().to_owned()),
            other => Err(syn::Error::new(other.span(), "expected a string or an integer")),
        }
    }
}

impl Input {
    /// Reads, checks and emits every item; errors of all items are reported together.
    pub(crate) fn expand(&self) -> syn::Result<TokenStream> {
        let mut tokens = TokenStream::new();
        let mut errors = None;
        for item in &self.0 {
            match item.expand() {
                Ok(module) => tokens.extend(module),
                Err(error) => combine(&mut errors, error),
            }
        }
        errors.map_or(Ok(tokens), Err)
    }
}

impl Item {
    fn expand(&self) -> syn::Result<TokenStream> {
        let options = self.options()?;
        let (path, variable) = self.source.path();
        let root = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        let file = root.join(&path);
        let at_source = |error: Error| {
            let error = error.in_file(&path);
            let from = variable.as_ref().filter(|name| env::var_os(name).is_some());
            let from = from.map(|name| format!("{name} is set to ")).unwrap_or_default();
            syn::Error::new(self.source.span(), format!("{from}{error}"))
        };

        let model = pushforward_emit::read(&file).map_err(at_source)?;
        let module = Module::new(&model, options).map_err(|error| match &error {
            Error::Flash { .. } => syn::Error::new(self.value_span("flash"), error),
            Error::Scratch { .. } => syn::Error::new(self.value_span("scratch"), error),
            Error::Stack { .. } => syn::Error::new(self.value_span("stack"), error),
            _ => at_source(error),
        })?;
        let (attributes, visibility, name) = (&self.attributes, &self.visibility, &self.name);
        let header = Header {
            item: quote::quote!(#(#attributes)* #visibility mod #name),
            source: path.display().to_string(),
            tracking: Some(Tracking { file, variable }),
        };
        Ok(module.tokens(&header))
    }

    fn options(&self) -> syn::Result<Options> {
        let mut options = Options::default();
        let mut errors = None;
        for (i, setting) in self.settings.iter().enumerate() {
            let name = setting.name.to_string();
            if self.settings.iter().take(i).any(|earlier| earlier.name == setting.name) {
                let error = syn::Error::new(setting.name.span(), format!("{name} is set twice"));
                combine(&mut errors, error);
                continue;
            }
            let set = setting.text().and_then(|text| {
                options.set(&name, &text).map_err(|error| {
                    let span = match &error {
                        Error::UnknownOption { .. } => setting.name.span(),
                        _ => setting.value.span(),
                    };
                    syn::Error::new(span, error)
                })
            });
            if let Err(error) = set {
                combine(&mut errors, error);
            }
        }
        errors.map_or(Ok(options), Err)
    }

    /// The literal of an option.
    fn value_span(&self, option: &str) -> Span {
        let setting = self.settings.iter().find(|s| s.name == option);
        setting.map_or_else(|| self.source.span(), |s| s.value.span())
    }
}

fn combine(errors: &mut Option<syn::Error>, error: syn::Error) {
    match errors {
        Some(first) => first.combine(error),
        None => *errors = Some(error),
    }
}
