//! The border to C: handles, borrowed lists, errors as objects, and the call of every function.
//!
//! What a caller promises by the C API is written once, at [`Ptr`] and [`In`]; the rest of the crate
//! is ordinary Rust on top of them.

use crate::abi::Text;
use crate::error::Failure;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

/// The argument of a function of the C API.
///
/// # Safety
/// `repr(C)`, beginning with `struct_size`, and any bytes are a value.
pub unsafe trait Args: Copy {}

/// Runs `f` on a copy of the arguments that has every field, those that the caller does not know as
/// zeros, and hands back what the caller knows. No panic passes.
///
/// # Safety
/// `args` is null or begins an `A` as the caller knows it, with its size in the first word.
pub unsafe fn call<A: Args>(
    args: *mut c_void,
    f: fn(&mut A) -> Result<(), Failure>,
) -> *mut ErrorObject {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if args.is_null() {
            return Err(Failure::Null("arguments"));
        }
        // SAFETY: not null, so by this function's contract it begins with the size.
        let bytes = unsafe { args.cast::<usize>().read_unaligned() }.min(size_of::<A>());
        // SAFETY: any bytes are an `Args`, zeros too.
        let mut copy: A = unsafe { std::mem::zeroed() };
        // SAFETY: the caller's struct has `bytes` bytes, and the copy at least as many.
        unsafe { ptr::copy_nonoverlapping(args.cast(), (&raw mut copy).cast::<u8>(), bytes) };
        let outcome = f(&mut copy);
        // SAFETY: as above, the other way; the caller lends its struct for writing.
        unsafe { ptr::copy_nonoverlapping((&raw const copy).cast::<u8>(), args.cast(), bytes) };
        outcome
    }));
    match outcome {
        Ok(Ok(())) => ptr::null_mut(),
        Ok(Err(failure)) => ErrorObject::give(failure).as_ptr(),
        Err(payload) => ErrorObject::give(Failure::panicked(&*payload)).as_ptr(),
    }
}

/// A pointer to an object of ours that C holds: null, or made by [`Ptr::give`] and not yet taken back.
#[repr(transparent)]
pub struct Ptr<T>(*mut T);

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Ptr<T> {
        *self
    }
}
impl<T> Copy for Ptr<T> {}

// SAFETY: an address; what is reached through it is `Sync`, and taken by its one owner.
unsafe impl<T: Send + Sync> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Ptr<T> {}

impl<T> Ptr<T> {
    /// No object.
    pub const NULL: Ptr<T> = Ptr(ptr::null_mut());

    /// Hands an object over to C.
    pub fn give(object: T) -> Ptr<T> {
        Ptr(Box::into_raw(Box::new(object)))
    }

    /// The address of an object that stays where it is and outlives its use by C.
    pub fn to(object: &T) -> Ptr<T> {
        Ptr(ptr::from_ref(object).cast_mut())
    }

    /// The object, if there is one.
    pub fn find(&self) -> Option<&T> {
        // SAFETY: callers pass null or a live object of this type, as the C API says.
        unsafe { self.0.as_ref() }
    }

    /// The object; an error names `what` was null.
    pub fn get(&self, what: &'static str) -> Result<&T, Failure> {
        self.find().ok_or(Failure::Null(what))
    }

    /// Takes an object back that was given.
    pub fn take(self) -> Option<Box<T>> {
        // SAFETY: the caller ends the life of an object that `give` made, once, as the C API says.
        (!self.0.is_null()).then(|| unsafe { Box::from_raw(self.0) })
    }

    /// The bare pointer.
    pub fn as_ptr(self) -> *mut T {
        self.0
    }

    /// A pointer that came from C.
    pub fn from_raw(raw: *mut T) -> Ptr<T> {
        Ptr(raw)
    }
}

/// A list that C lends for the time of a call: null, or as many values as the number beside it says.
#[repr(transparent)]
pub struct In<T>(*const T);

impl<T> Clone for In<T> {
    fn clone(&self) -> In<T> {
        *self
    }
}
impl<T> Copy for In<T> {}

impl<T> In<T> {
    /// A list that C reads.
    pub fn of(list: &[T]) -> In<T> {
        In(list.as_ptr())
    }

    /// The first `len` values; none where the list is null.
    pub fn list(&self, len: usize) -> &[T] {
        match self.0.is_null() {
            true => &[],
            // SAFETY: the caller lends `len` values, aligned and initialised, as the C API says.
            false => unsafe { slice::from_raw_parts(self.0, len) },
        }
    }

    /// The value, if there is one.
    pub fn find(&self) -> Option<&T> {
        self.list(1).first()
    }
}

impl Text {
    /// Bytes that live as long as C may read them.
    pub fn of(bytes: impl AsRef<[u8]>) -> Text {
        let bytes = bytes.as_ref();
        Text {
            data: In::of(bytes),
            len: bytes.len(),
        }
    }

    /// The bytes lent.
    pub fn bytes(&self) -> &[u8] {
        self.data.list(self.len)
    }
}

/// Writes `value` where C wants it, if it does.
pub fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller lends the place for writing, as the C API says.
        unsafe { place.write(value) }
    }
}

/// Copies `from` to memory that C lends.
pub fn copy_out(from: &[u8], to: *mut c_void) {
    // SAFETY: the caller lends as many bytes as it said it has, which was compared with `from`.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to.cast(), from.len()) }
}

/// Bytes from `start` on that C lends.
pub fn bytes_at<'a>(start: *const c_void, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: the caller lends the elements of an array of this size at this address.
        _ => unsafe { slice::from_raw_parts(start.cast(), len) },
    }
}

/// Tells C something through a function and a pointer that it gave.
pub fn tell(f: unsafe extern "C" fn(*mut c_void, *mut c_void), a: *mut c_void, user: *mut c_void) {
    // SAFETY: the caller gave the function for this call with this pointer.
    unsafe { f(a, user) }
}

/// Tells C that an event is done.
pub fn tell_ready(f: crate::abi::OnReady, outcome: Result<(), Failure>, user: *mut c_void) {
    let error = outcome.err().map_or(Ptr::NULL, ErrorObject::give);
    // SAFETY: the caller gave the function for this call with this pointer; it owns the error then.
    unsafe { f(error, user) }
}

/// Bytes that a function of Python reads or writes.
#[repr(C)]
pub struct Span {
    data: *mut u8,
    len: usize,
}

/// Answers a call of Python: number, operands and how many, results and how many, and where to write
/// what went wrong, with a zero at the end, into so many bytes. Returns 0 when all is well.
pub type AnswerFn =
    unsafe extern "C" fn(u64, *const Span, usize, *const Span, usize, *mut u8, usize) -> i32;

/// Asks Python; the error is what it raised, cut to `room` bytes.
pub fn answer(
    f: AnswerFn,
    number: u64,
    operands: &[&[u8]],
    results: &mut [Vec<u8>],
    room: usize,
) -> Result<(), String> {
    let span = |data: *mut u8, len| Span { data, len };
    let operands: Vec<Span> = (operands.iter())
        .map(|o| span(o.as_ptr().cast_mut(), o.len()))
        .collect();
    let places: Vec<Span> = (results.iter_mut())
        .map(|r| span(r.as_mut_ptr(), r.len()))
        .collect();
    let mut message = vec![0_u8; room];
    // SAFETY: the function was given for this. It reads operands, writes results and message, each of
    // the length said, and keeps none of them.
    let failed = unsafe {
        f(
            number,
            operands.as_ptr(),
            operands.len(),
            places.as_ptr(),
            places.len(),
            message.as_mut_ptr(),
            room,
        )
    };
    let text = message.split(|&b| b == 0).next().unwrap_or_default();
    match failed {
        0 => Ok(()),
        _ => Err(String::from_utf8_lossy(text).into_owned()),
    }
}

/// An address that threads may hand on.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Address(pub *mut c_void);

// SAFETY: an address gives no access by itself; who gave it allows its use from any thread.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

impl Address {
    /// The address; a method, so that closures take the whole of it.
    pub fn get(self) -> *mut c_void {
        self.0
    }
}

/// An error that C holds: its first word is a table of functions.
#[repr(C)]
pub struct ErrorObject {
    table: &'static ErrorTable,
    message: String,
    failure: Failure,
}

#[repr(C)]
struct ErrorTable {
    struct_size: usize,
    instance_size: usize,
    extension: Address,
    destroy: unsafe extern "C" fn(Ptr<ErrorObject>),
    message: unsafe extern "C" fn(Ptr<ErrorObject>, *mut In<u8>, *mut usize),
    code: unsafe extern "C" fn(Ptr<ErrorObject>) -> u32,
    payloads: unsafe extern "C" fn(Ptr<ErrorObject>, *mut c_void, *mut c_void),
}

static ERRORS: ErrorTable = {
    unsafe extern "C" fn destroy(error: Ptr<ErrorObject>) {
        drop(error.take());
    }
    unsafe extern "C" fn message(error: Ptr<ErrorObject>, data: *mut In<u8>, len: *mut usize) {
        let text = error.find().map_or("", |e| &e.message);
        put(data, In::of(text.as_bytes()));
        put(len, text.len());
    }
    unsafe extern "C" fn code(error: Ptr<ErrorObject>) -> u32 {
        error.find().map_or(0, |e| e.failure.code())
    }
    unsafe extern "C" fn payloads(_: Ptr<ErrorObject>, _: *mut c_void, _: *mut c_void) {}
    ErrorTable {
        struct_size: size_of::<ErrorTable>(),
        instance_size: size_of::<usize>(),
        extension: Address(ptr::null_mut()),
        destroy,
        message,
        code,
        payloads,
    }
};

impl ErrorObject {
    /// Hands an error over to C.
    pub fn give(failure: Failure) -> Ptr<ErrorObject> {
        Ptr::give(ErrorObject {
            table: &ERRORS,
            message: failure.to_string(),
            failure,
        })
    }

    /// What went wrong, in words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The number of its kind.
    pub fn code(&self) -> u32 {
        self.failure.code()
    }
}
