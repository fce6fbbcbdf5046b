//! Writes the implementation of `IntoClose` for a type whose attributes were read.
//!
//! Paths in the output begin with `::`, so that a module of the user's with the same name is not taken instead; which
//! crate they begin with depends on whether the macro came from core or from the facade. Bounds are added to types with
//! parameters alone: elsewhere the compiler checks the output itself, and its message names the user's field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Member, Result, Type, WherePredicate, parse_quote};

use crate::attribute::{Close, Reason, read};

/// What one variant, or the struct, contributes.
struct Arm {
    pattern: TokenStream,
    close: TokenStream,
    /// What is the application's own fault in it.
    internal: TokenStream,
    bounds: Vec<WherePredicate>,
}

pub(crate) fn into_close(input: &DeriveInput, from: &Ident) -> Result<TokenStream> {
    let arms = arms(input, from)?;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.extend(arms.iter().flat_map(|arm| arm.bounds.clone()));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let closes = arms.iter().map(|Arm { pattern, close, .. }| quote!(#pattern => #close,));
    let internals = arms.iter().map(|Arm { pattern, internal, .. }| quote!(#pattern => #internal,));
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables, clippy::all, clippy::pedantic)]
        impl #impl_generics ::#from::IntoClose for #name #type_generics #where_clause {
            fn into_close(self) -> ::#from::CloseFrame {
                match self { #(#closes)* }
            }

            fn internal(&self) -> ::core::option::Option<&(dyn ::std::error::Error + 'static)> {
                match self { #(#internals)* }
            }
        }
    })
}

fn arms(input: &DeriveInput, from: &Ident) -> Result<Vec<Arm>> {
    match &input.data {
        Data::Enum(data) => {
            if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("close")) {
                return Err(Error::new_spanned(attribute, "of an enum, each variant says how it closes"));
            }
            if data.variants.is_empty() {
                return Err(Error::new_spanned(&input.ident, "an enum without variants never closes anything"));
            }
            all(data.variants.iter().map(|variant| {
                let name = &variant.ident;
                arm(&quote!(Self::#name), &variant.fields, &read(&variant.attrs)?, &variant.ident, from)
            }))
        }
        Data::Struct(data) => Ok(vec![arm(&quote!(Self), &data.fields, &read(&input.attrs)?, &input.ident, from)?]),
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "a union cannot say what it means")),
    }
}

/// All that is wrong at once, not the first alone.
fn all(arms: impl Iterator<Item = Result<Arm>>) -> Result<Vec<Arm>> {
    let (mut right, mut wrong) = (Vec::new(), None::<Error>);
    for arm in arms {
        match arm {
            Ok(arm) => right.push(arm),
            Err(error) => match &mut wrong {
                Some(wrong) => wrong.combine(error),
                None => wrong = Some(error),
            },
        }
    }
    wrong.map_or(Ok(right), Err)
}

fn arm(path: &TokenStream, fields: &Fields, close: &Close, name: &Ident, from: &Ident) -> Result<Arm> {
    match close {
        Close::Internal => Ok(code(path, 1011, &Reason::Text("internal error".into()), from)),
        Close::Code(number, reason) => Ok(code(path, *number, reason, from)),
        Close::Transparent => transparent(path, fields, name, from),
    }
}

fn code(path: &TokenStream, number: u16, reason: &Reason, from: &Ident) -> Arm {
    let (pattern, reason) = match reason {
        Reason::None => (quote!(#path { .. }), quote!("")),
        Reason::Text(text) => (quote!(#path { .. }), quote!(#text)),
        Reason::Display => (quote!(this @ #path { .. }), quote!(::std::string::ToString::to_string(&this))),
    };
    let frame = quote!(::#from::CloseFrame);
    let close = quote!({
        const CODE: ::#from::CloseCode = match ::#from::CloseCode::new(#number) {
            ::core::result::Result::Ok(code) => code,
            ::core::result::Result::Err(_) => ::core::unreachable!(),
        };
        #frame::new(CODE, #reason)
    });
    let fault = number == 1011;
    let internal =
        if fault { quote!(::core::option::Option::Some(self)) } else { quote!(::core::option::Option::None) };
    let bounds = if fault { vec![parse_quote!(Self: ::std::error::Error + 'static)] } else { Vec::new() };
    Arm { pattern, close, internal, bounds }
}

fn transparent(path: &TokenStream, fields: &Fields, name: &Ident, from: &Ident) -> Result<Arm> {
    let (member, kind) = inner(fields, name)?;
    let field = format_ident!("field");
    Ok(Arm {
        pattern: quote!(#path { #member: #field, .. }),
        close: quote!(::#from::IntoClose::into_close(#field)),
        internal: quote!(::#from::IntoClose::internal(#field)),
        bounds: vec![parse_quote!(#kind: ::#from::IntoClose)],
    })
}

/// The field that a transparent variant stands for.
fn inner<'a>(fields: &'a Fields, name: &Ident) -> Result<(Member, &'a Type)> {
    let marked = |field: &syn::Field| {
        field.attrs.iter().any(|attribute| attribute.path().is_ident("from") || attribute.path().is_ident("source"))
    };
    let only = fields.len() == 1;
    let mut candidates = fields.members().zip(fields.iter()).filter(|(_, field)| only || marked(field));
    match (candidates.next(), candidates.next()) {
        (Some((member, field)), None) => Ok((member, &field.ty)),
        _ => Err(Error::new_spanned(name, "`transparent` needs one field, or one marked `#[from]` or `#[source]`")),
    }
}
