//! The house rules as tests. They read the files of this repository as text and as Rust tokens, so
//! a broken rule fails in milliseconds with the file, the line and what to do instead.
//!
//! Each rule is a function from sources to offences; beside it stand small samples which prove that
//! it catches what it is for. A rule that has to give way does so in a list with a reason.

mod bans;
mod documents;
mod imports;
mod purity;
mod registration;
mod rust;
mod sizes;
mod text;
mod tree;

use tree::{Offence, Tree};

/// Fails with every offence, one a line, in the form that editors can jump to.
#[track_caller]
fn assert_none(offences: &[Offence]) {
    let list: Vec<String> = offences.iter().map(ToString::to_string).collect();
    assert!(offences.is_empty(), "{} offences:\n{}", list.len(), list.join("\n"));
}

#[test]
fn imports_point_inward() {
    assert_none(&imports::offences(Tree::of_repository()));
}

#[test]
fn pure_modules_are_pure() {
    assert_none(&purity::offences(Tree::of_repository()));
}

#[test]
fn files_functions_and_lines_are_short() {
    assert_none(&sizes::offences(Tree::of_repository()));
}

#[test]
fn nothing_banned_is_used() {
    assert_none(&bans::offences(Tree::of_repository()));
}

#[test]
fn every_unit_and_every_file_is_registered() {
    assert_none(&registration::offences(Tree::of_repository()));
}

#[test]
fn texts_name_no_machine_and_no_author() {
    assert_none(&text::offences(Tree::of_repository()));
}

#[test]
fn documents_have_one_title_and_live_links() {
    assert_none(&documents::offences(Tree::of_repository()));
}
