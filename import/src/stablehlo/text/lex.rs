//! Tokens of MLIR text.

use crate::stablehlo::error::{ImportError, Place};

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub enum Token<'a> {
    /// Letters, digits, `_`, `$` and `.`, beginning with a letter or `_`.
    Word(&'a str),
    /// A number with its sign, fraction and exponent, or hexadecimal.
    Number(&'a str),
    /// A string without quotes, escapes replaced.
    Text(String),
    /// `%name`.
    Value(&'a str),
    /// `@name`.
    Symbol(String),
    /// `^name`.
    Label(&'a str),
    /// `#name`; with an empty name, a `#` before something else.
    Hash(&'a str),
    /// `!name`.
    Bang(&'a str),
    /// `->`.
    Arrow,
    /// Any other character.
    Sign(char),
    /// Nothing is left.
    End,
}

/// Takes text apart.
#[derive(Clone, Copy)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// Where the next token is.
    pub fn place(&mut self) -> Place {
        self.skip_space();
        let before = &self.text[self.line_start..self.at];
        Place::Line(self.line, before.chars().count() + 1)
    }

    pub fn error(&mut self, message: impl Into<String>) -> ImportError {
        let (place, message) = (self.place(), message.into());
        ImportError::Syntax { place, message }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, n: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + n];
        self.at += n;
        if let Some(last) = taken.rfind('\n') {
            self.line += taken.matches('\n').count();
            self.line_start = self.at - taken.len() + last + 1;
        }
        taken
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            self.advance(space);
            if !self.rest().starts_with("//") {
                return;
            }
            let end = self.rest().find('\n').unwrap_or(self.rest().len());
            self.advance(end);
        }
    }

    /// The length of the longest beginning whose characters all are `f`.
    fn run(&self, from: usize, f: impl Fn(char) -> bool) -> usize {
        let rest = &self.rest()[from..];
        from + rest.find(|c| !f(c)).unwrap_or(rest.len())
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Token<'a>, ImportError> {
        self.skip_space();
        let rest = self.rest();
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '-');
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        Ok(match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let n = self.run(0, |c| {
                    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.')
                });
                Token::Word(self.advance(n))
            }
            '-' if rest.starts_with("->") => {
                self.advance(2);
                Token::Arrow
            }
            '0'..='9' => Token::Number(self.number(0)),
            '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                Token::Number(self.number(1))
            }
            '"' => Token::Text(self.string()?),
            '@' if rest[1..].starts_with('"') => {
                self.advance(1);
                Token::Symbol(self.string()?)
            }
            '%' | '@' | '^' | '#' | '!' => {
                let n = self.run(1, name);
                let word = &self.advance(n)[1..];
                match first {
                    '%' => Token::Value(word),
                    '@' => Token::Symbol(word.to_string()),
                    '^' => Token::Label(word),
                    '#' => Token::Hash(word),
                    _ => Token::Bang(word),
                }
            }
            other => {
                self.advance(other.len_utf8());
                Token::Sign(other)
            }
        })
    }

    fn number(&mut self, from: usize) -> &'a str {
        let rest = self.rest();
        if rest[from..].starts_with("0x") {
            let n = self.run(from + 2, |c| c.is_ascii_hexdigit());
            return self.advance(n);
        }
        let digits = |at: usize| self.run(at, |c| c.is_ascii_digit());
        let mut n = digits(from);
        if rest[n..].starts_with('.') {
            n = digits(n + 1);
        }
        if rest[n..].starts_with(['e', 'E']) {
            let sign = rest[n + 1..].starts_with(['+', '-']) as usize;
            let end = digits(n + 1 + sign);
            if end > n + 1 + sign {
                n = end;
            }
        }
        self.advance(n)
    }

    fn string(&mut self) -> Result<String, ImportError> {
        let start = *self;
        self.advance(1);
        let mut bytes: Vec<u8> = vec![];
        loop {
            let n = self.run(0, |c| !matches!(c, '"' | '\\' | '\n'));
            bytes.extend(self.advance(n).bytes());
            let rest = self.rest().as_bytes();
            match rest {
                [b'"', ..] => {
                    self.advance(1);
                    return Ok(String::from_utf8_lossy(&bytes).into_owned());
                }
                [b'\\', c @ (b'"' | b'\\' | b'n' | b't'), ..] => {
                    bytes.push(match c {
                        b'n' => b'\n',
                        b't' => b'\t',
                        c => *c,
                    });
                    self.advance(2);
                }
                [b'\\', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                    let hex = self.advance(3);
                    bytes.push(u8::from_str_radix(&hex[1..], 16).expect("two digits"));
                }
                _ => {
                    *self = start;
                    return Err(self.error("a string that does not end, or a bad escape in it"));
                }
            }
        }
    }

    /// The token after this one.
    pub fn peek(&self) -> Result<Token<'a>, ImportError> {
        let mut copy = *self;
        copy.next()
    }

    /// What is between `<` and the `>` that belongs to it; strings are skipped.
    pub fn bracketed(&mut self) -> Result<&'a str, ImportError> {
        let start = *self;
        if self.next()? != Token::Sign('<') {
            *self = start;
            return Err(self.error("'<' expected"));
        }
        let from = self.at;
        let mut open = 1usize;
        loop {
            match self.next()? {
                Token::Sign('<') => open += 1,
                Token::Sign('>') => open -= 1,
                Token::End => {
                    *self = start;
                    return Err(self.error("'<' without its '>'"));
                }
                _ => {}
            }
            if open == 0 {
                return Ok(&self.text[from..self.at - 1]);
            }
        }
    }
}
