//! A part of a condition, as it was written.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, SourceInfo};
use cel::parser::pratt_parser::{Lexer, Token, TokenKind};

/// The text of `part`, on one line. What is known of a part's place is where its operator or first word stands; the rest
/// of it reaches from its first part to its last, with as many brackets as make it whole.
pub(super) fn text(source: &str, places: &SourceInfo, part: &IdedExpr) -> String {
    let mut reach = None;
    reach_of(part, places, &mut reach);
    let Some((first, last)) = reach else { return source.trim().to_owned() };
    let tokens = tokens(source);
    let mut from = tokens.iter().position(|token| token.end > first).unwrap_or_default();
    let mut to = tokens.iter().rposition(|token| token.start < last).unwrap_or_default().max(from);
    loop {
        match open_brackets(&tokens[from..=to]) {
            (_, missing) if missing > 0 && from > 0 => from -= 1,
            (open, _) if open > 0 && to + 1 < tokens.len() => to += 1,
            // After a dot there is the name of a field.
            _ if tokens[to].kind == TokenKind::TokDot && to + 1 < tokens.len() => to += 1,
            _ => break,
        }
    }
    let text = source.get(tokens[from].start..tokens[to].end).unwrap_or(source);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(source);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.lex();
        if matches!(token.kind, TokenKind::TokEnd | TokenKind::TokError) {
            return tokens;
        }
        if !matches!(token.kind, TokenKind::TokWhitespace | TokenKind::TokComment) {
            tokens.push(token);
        }
    }
}

/// Brackets that are not closed, and those that were not opened.
fn open_brackets(tokens: &[Token]) -> (usize, usize) {
    use TokenKind::{
        TokLeftBrace, TokLeftBracket, TokLeftParen, TokRightBrace, TokRightBracket, TokRightParen,
    };
    let (mut open, mut missing) = (0_usize, 0);
    for token in tokens {
        if matches!(token.kind, TokLeftParen | TokLeftBracket | TokLeftBrace) {
            open += 1;
        } else if matches!(token.kind, TokRightParen | TokRightBracket | TokRightBrace) {
            missing += usize::from(open == 0);
            open = open.saturating_sub(1);
        }
    }
    (open, missing)
}

/// The first and the last byte at which something of `part` is known to stand.
fn reach_of(part: &IdedExpr, places: &SourceInfo, reach: &mut Option<(usize, usize)>) {
    if let Some((start, end)) = places.offset_for(part.id) {
        let (start, end) = (start as usize, end as usize);
        let known = reach.get_or_insert((start, end));
        *known = (known.0.min(start), known.1.max(end));
    }
    for within in parts_of(part) {
        reach_of(within, places, reach);
    }
}

/// The parts that a part is made of.
pub(super) fn parts_of(part: &IdedExpr) -> Vec<&IdedExpr> {
    match &part.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(each) => vec![&each.iter_range, &each.loop_step],
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Struct(object) => {
            object.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect()
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
