//! Random changes of place: images are looked up at places that an affine map gives.

use super::between;
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Cx, Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Turns images around: each with probability one half along each of its axes that is chosen.
#[derive(Clone, Debug)]
pub struct RandomFlip {
    meta: Meta,
    horizontal: bool,
    vertical: bool,
}

impl RandomFlip {
    /// Left and right, up and down.
    pub fn new(horizontal: bool, vertical: bool) -> RandomFlip {
        RandomFlip {
            meta: Meta::new("random_flip"),
            horizontal,
            vertical,
        }
    }
}

layer!(RandomFlip, |self, cx, x| {
    let mut y = x[0].clone();
    if !cx.training() || !y.must_have_rank("random_flip", 4, axes_of(2)) {
        return y;
    }
    for (axis, wanted) in [(2, self.horizontal), (1, self.vertical)] {
        if wanted {
            y = super::sometimes(cx, &y, &y.reverse(&[axis]), 0.5);
        }
    }
    y
});

/// A random part of each image while training; else the middle.
#[derive(Clone, Debug)]
pub struct RandomCrop {
    meta: Meta,
    height: usize,
    width: usize,
}

impl RandomCrop {
    /// Of this height and width, which are at most those of the images.
    pub fn new(height: usize, width: usize) -> RandomCrop {
        RandomCrop {
            meta: Meta::new("random_crop"),
            height,
            width,
        }
    }
}

layer!(RandomCrop, |self, cx, x| {
    let x = &x[0];
    let fits = x.rank() == 4 && self.height <= x.dim(1) && self.width <= x.dim(2);
    if !cx.training() || !fits {
        let crop = super::CenterCrop::new(self.height, self.width);
        return cx.call("center", &crop, std::slice::from_ref(x));
    }
    let start = |cx: &mut Cx, free: usize| between(cx, x, 0.0, free as f64 + 1.0).floor();
    let top = start(cx, x.dim(1) - self.height);
    let left = start(cx, x.dim(2) - self.width);
    let grid = Type::new(DType::F32, [x.dim(0), self.height, self.width, 1]);
    let row = x.tracer().iota(&grid, 1) + top;
    let column = x.tracer().iota(&grid, 2) + left;
    at(x, &row, &column)
});

/// A layer that looks images up at places of an affine map: `row = a y + b x + c` from the middle.
macro_rules! affine {
    ($(#[doc = $about:literal])* $Layer:ident $kind:literal [$($field:ident),*], |$self:ident, $cx:ident, $x:ident| $map:expr) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $Layer {
            meta: Meta,
            $($field: f64,)*
            fill: f64,
        }

        impl $Layer {
            /// With these greatest sizes.
            pub fn new($($field: f64),*) -> $Layer {
                $Layer {
                    meta: Meta::new($kind),
                    $($field,)*
                    fill: 0.0,
                }
            }
        }

        options!($Layer {
            /// Sets what is outside of an image (0).
            fill: f64,
        });

        layer!($Layer, |$self, $cx, x| {
            let $x = &x[0];
            if !$cx.training() || !$x.must_have_rank($kind, 4, axes_of(2)) {
                return $x.clone();
            }
            let map: Map = $map;
            mapped($x, &map, $self.fill)
        });
        described!($Layer stringify!($Layer), $Layer::new($({ let $field = 0.0; $field }),*), |self, k| {
            $(k.need(stringify!($field), &mut self.$field)?;)*
            k.key("fill_value", &mut self.fill)?;
        });
    };
}

/// Rows and columns of the source from those of the result, all from the middle; `None` is 0.
struct Map {
    row: [Option<Tensor>; 3],
    column: [Option<Tensor>; 3],
}

affine!(
    /// Moves images by up to the shares `height` and `width` of their extents.
    RandomTranslation "random_translation" [height, width], |self, cx, x| {
        let rows = between(cx, x, -self.height, self.height) * x.dim(1) as f64;
        let columns = between(cx, x, -self.width, self.width) * x.dim(2) as f64;
        let one = ones(x);
        Map {
            row: [Some(one.clone()), None, Some(rows)],
            column: [None, Some(one), Some(columns)],
        }
    }
);
affine!(
    /// Turns images by up to the share `factor` of a full turn.
    RandomRotation "random_rotation" [factor], |self, cx, x| {
        let angle = between(cx, x, -self.factor, self.factor) * (2.0 * std::f64::consts::PI);
        let (sin, cos) = (angle.sin(), angle.cos());
        Map {
            row: [Some(cos.clone()), Some(-&sin), None],
            column: [Some(sin), Some(cos), None],
        }
    }
);
affine!(
    /// Makes images smaller or larger by factors within `height` and `width` of 1.
    RandomZoom "random_zoom" [height, width], |self, cx, x| {
        let rows = between(cx, x, 1.0 - self.height, 1.0 + self.height);
        let columns = between(cx, x, 1.0 - self.width, 1.0 + self.width);
        Map {
            row: [Some(rows), None, None],
            column: [None, Some(columns), None],
        }
    }
);
affine!(
    /// Shears images: rows move by up to `horizontal` times their distance from the middle, columns by
    /// up to `vertical` times theirs.
    RandomShear "random_shear" [horizontal, vertical], |self, cx, x| {
        let rows = between(cx, x, -self.vertical, self.vertical);
        let columns = between(cx, x, -self.horizontal, self.horizontal);
        let one = ones(x);
        Map {
            row: [Some(one.clone()), Some(rows), None],
            column: [Some(columns), Some(one), None],
        }
    }
);

fn ones(x: &Tensor) -> Tensor {
    let ty = Type::new(DType::F32, [x.dim(0), 1, 1, 1]);
    x.tracer().full(&ty, 1.0)
}

/// Images looked up at the places of a map, on lines between elements; `fill` outside.
fn mapped(x: &Tensor, map: &Map, fill: f64) -> Tensor {
    let grid = Type::new(DType::F32, [x.dim(0), x.dim(1), x.dim(2), 1]);
    let middle = [1, 2].map(|axis: isize| (x.dim(axis) as f64 - 1.0) / 2.0);
    let y = x.tracer().iota(&grid, 1) - middle[0];
    let z = x.tracer().iota(&grid, 2) - middle[1];
    let place = |parts: &[Option<Tensor>; 3], middle: f64| {
        let start = x.tracer().full(&grid, middle);
        let terms = [
            parts[0].as_ref().map(|a| &y * a),
            parts[1].as_ref().map(|b| &z * b),
            parts[2].clone(),
        ];
        terms
            .into_iter()
            .flatten()
            .fold(start, |sum, term| sum + term)
    };
    looked_up(
        x,
        &place(&map.row, middle[0]),
        &place(&map.column, middle[1]),
        fill,
    )
}

/// Images at the places `[batch, h, w, 1]`, on lines between elements; `fill` outside.
pub(super) fn looked_up(x: &Tensor, row: &Tensor, column: &Tensor, fill: f64) -> Tensor {
    let (top, left) = (row.floor(), column.floor());
    let (down, right) = (row - &top, column - &left);
    let corner = |dy: f64, dx: f64| {
        let (row, column) = (&top + dy, &left + dx);
        let inside = |at: &Tensor, extent: usize| {
            at.compare(Cmp::Ge, 0.0)
                .and(&at.compare(Cmp::Le, extent as f64 - 1.0))
        };
        let known = inside(&row, x.dim(1)).and(&inside(&column, x.dim(2)));
        let found = at(x, &row, &column);
        let outside = x.tracer().full(found.ty(), fill);
        known.broadcast_to(found.shape()).select(&found, &outside)
    };
    let upper = corner(0.0, 0.0) * (1.0 - &right) + corner(0.0, 1.0) * &right;
    let lower = corner(1.0, 0.0) * (1.0 - &right) + corner(1.0, 1.0) * right;
    upper * (1.0 - &down) + lower * down
}

/// The elements of images at whole places `[batch, h, w, 1]`, which are kept inside.
fn at(x: &Tensor, row: &Tensor, column: &Tensor) -> Tensor {
    let (n, h, w, c) = (x.dim(0), x.dim(1), x.dim(2), x.dim(3));
    let image = x.tracer().iota(row.ty(), 0);
    let (row, column) = (
        row.clamp(0.0, h as f64 - 1.0),
        column.clamp(0.0, w as f64 - 1.0),
    );
    // As whole numbers, since products of places may be above 2^24.
    let whole = |x: Tensor| x.convert(DType::I32);
    let row = whole(image) * h as i32 + whole(row);
    let place = row * w as i32 + whole(column);
    let mut shape = place.shape().0.clone();
    let flat = x.reshape(&[n * h * w, c]);
    shape[3] = c;
    flat.take(&place.reshape(&[place.shape().count()]))
        .reshape(&shape)
}

described!(RandomFlip "RandomFlip", RandomFlip::new(true, true), |self, k| {
    k.key("horizontal", &mut self.horizontal)?;
    k.key("vertical", &mut self.vertical)?;
});

described!(RandomCrop "RandomCrop", RandomCrop::new(1, 1), |self, k| {
    k.need("height", &mut self.height)?;
    k.need("width", &mut self.width)?;
});
