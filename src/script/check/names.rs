//! The names by which a text imports modules, wherever in it that stands. Pure.

use super::walk::Piece;
use super::{Unit, functions};
use rhai::{AST, Position, Stmt};

/// What a text imports.
#[derive(Default)]
pub(super) struct Names {
    /// By a name that is written in it.
    pub(super) written: Vec<(String, Position)>,
    /// Whether there is one whose name only a run knows.
    pub(super) is_any_computed: bool,
}

impl Names {
    pub(super) fn of(ast: &AST) -> Self {
        let (functions, mut names) = (functions(ast), Self::default());
        let body = Unit { name: None, params: &[], statements: ast.statements() };
        for unit in std::iter::once(body).chain(functions.iter().map(Unit::of)) {
            unit.pieces().for_each(|piece| piece.each(&mut |piece| names.add(piece)));
        }
        names
    }

    fn add(&mut self, piece: Piece<'_>) {
        match piece.import() {
            Some((name, position)) => self.written.push((name.to_owned(), position)),
            None => self.is_any_computed |= matches!(piece, Piece::Stmt(Stmt::Import(..))),
        }
    }
}
