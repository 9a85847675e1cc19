//! Layers of series, preprocessing and sounds.

use super::{Entry, entry};
use craneflow_nn::Tensor;
use craneflow_nn::functional::Padding;
use craneflow_nn::layers::*;

pub fn sequences() -> Vec<Entry> {
    vec![
        entry("multi_head_attention", MultiHeadAttention::new(2, 3)),
        entry(
            "multi_head_attention_causal",
            MultiHeadAttention::new(2, 3).causal(),
        ),
        entry(
            "grouped_query_attention",
            MultiHeadAttention::grouped(4, 2, 3),
        ),
        entry("attention", Attention::new().use_scale(true)),
        entry("additive_attention", Attention::additive()),
        entry("simple_rnn", SimpleRnn::new(4)),
        entry(
            "simple_rnn_sequences",
            SimpleRnn::new(4).return_sequences().backwards(),
        ),
        entry("lstm", Lstm::new(4)),
        entry("lstm_all", Lstm::new(3).return_sequences().return_state()),
        entry("gru", Gru::new(4)),
        entry("gru_all", Gru::new(3).return_sequences().return_state()),
        entry(
            "bidirectional",
            Bidirectional::new(Lstm::new(3).return_sequences()).merge(Merge::Sum),
        ),
        entry("bidirectional_last", Bidirectional::new(Gru::new(3))),
        entry("masked_lstm", MaskedLstm(Meta::new("masked_lstm"))),
        entry("masked_batch_norm", MaskedNorm(Meta::new("masked_norm"))),
        entry(
            "conv_lstm1d",
            ConvLstm1D::new(2, [3]).padding(Padding::Same),
        ),
        entry(
            "conv_lstm2d",
            ConvLstm2D::new(2, [2, 3])
                .strides([2, 1])
                .return_sequences()
                .return_state(),
        ),
        entry(
            "conv_lstm3d",
            ConvLstm3D::new(1, [2; 3]).dilation([2; 3]).no_bias(),
        ),
    ]
}

/// A layer of two, of which the first says which steps count.
struct MaskedLstm(Meta);

impl Layer for MaskedLstm {
    fn meta(&self) -> &Meta {
        &self.0
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let x = cx.call("masking", &Masking::new(0.0), x);
        Lstm::new(3).forward(cx, &[x])
    }
}

/// As [`MaskedLstm`], with a normalisation.
struct MaskedNorm(Meta);

impl Layer for MaskedNorm {
    fn meta(&self) -> &Meta {
        &self.0
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let x = cx.call("masking", &Masking::new(0.0), x);
        BatchNorm::new().forward(cx, &[x])
    }
}

pub fn preprocessing() -> Vec<Entry> {
    let encoding = |n, encoding| CategoryEncoding::new(n, encoding);
    vec![
        entry(
            "normalization",
            Normalization::new(&[0.5, -1.0, 2.0], &[2.0, 1.0, 0.25]),
        ),
        entry("rescaling", Rescaling::new(0.5, -1.0)),
        entry(
            "discretization",
            Discretization::new(&[-1.0, 0.0, 0.7]).encoding(Encoding::OneHot),
        ),
        entry("category_multi_hot", encoding(6, Encoding::MultiHot)),
        entry("category_one_hot", encoding(6, Encoding::OneHot)),
        entry("category_count", encoding(6, Encoding::Count)),
        entry("resizing", Resizing::new(3, 8)),
        entry(
            "resizing_nearest",
            Resizing::new(3, 8).interpolation(Interpolation::Nearest),
        ),
        entry(
            "resizing_bicubic",
            Resizing::new(7, 4)
                .interpolation(Interpolation::Bicubic)
                .antialias(true),
        ),
        entry("center_crop", CenterCrop::new(3, 4)),
        entry("auto_contrast", AutoContrast::new()),
        entry("equalization", Equalization::new()),
        entry(
            "equalization_few",
            Equalization::new().bins(16).max_value(1.0),
        ),
    ]
}

pub fn sounds() -> Vec<Entry> {
    let parts = StftSpectrogram::new(8).frame_step(3);
    let parts = parts.window(Window::Hamming).scaling(Scaling::Spectrum);
    let mel = || {
        let mel = MelSpectrogram::new(800.0, 6);
        mel.fft_length(32).sequence_stride(8)
    };
    let linear = mel().sequence_length(20).max_freq(300.0);
    vec![
        entry("stft", StftSpectrogram::new(8).frame_step(4).fft_length(16)),
        entry(
            "stft_parts",
            parts
                .mode(SpectrogramMode::Stft)
                .padding(Padding::Same)
                .expand_dims(true),
        ),
        entry(
            "stft_psd",
            StftSpectrogram::new(10)
                .mode(SpectrogramMode::Psd)
                .periodic(true),
        ),
        entry("mel", mel()),
        entry(
            "mel_linear",
            linear
                .power_to_db(false)
                .mag_exp(1.5)
                .window(Window::Hamming),
        ),
    ]
}
