"""Writes keras.md: every public class of Keras 3 beside what Craneflow has for it.

`KERAS_BACKEND=jax python docs/keras_table.py`, with keras 3.15.1. The names are Keras's own list; a class that
the table below does not know ends the script.
"""

import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras

# Ours by Keras's name; a text in brackets says why there is none.
OURS = {
    "layers": """
Activation=Activation::layer ActivityRegularization=ActivityRegularization
AdaptiveAveragePooling1D=AdaptiveAveragePool1D AdaptiveAveragePooling2D=AdaptiveAveragePool2D
AdaptiveAveragePooling3D=AdaptiveAveragePool3D AdaptiveMaxPooling1D=AdaptiveMaxPool1D
AdaptiveMaxPooling2D=AdaptiveMaxPool2D AdaptiveMaxPooling3D=AdaptiveMaxPool3D Add=Add
AdditiveAttention=Attention::additive AlphaDropout=AlphaDropout Attention=Attention
AugMix=AugMix ContrastLimitedAdaptiveHistogramEqualization=Clahe AutoContrast=AutoContrast Average=Average MelSpectrogram=MelSpectrogram STFTSpectrogram=StftSpectrogram
RandomColorJitter=RandomColorJitter RandomGaussianBlur=RandomGaussianBlur RandomSharpness=RandomSharpness
AveragePooling1D=AveragePool1D AveragePooling2D=AveragePool2D AveragePooling3D=AveragePool3D
AvgPool1D=AveragePool1D AvgPool2D=AveragePool2D AvgPool3D=AveragePool3D BatchNormalization=BatchNorm
Bidirectional=Bidirectional CategoryEncoding=CategoryEncoding CenterCrop=CenterCrop
Concatenate=Concatenate Conv1D=Conv1D Conv1DTranspose=Conv1DTranspose Conv2D=Conv2D
Conv2DTranspose=Conv2DTranspose Conv3D=Conv3D Conv3DTranspose=Conv3DTranspose Convolution1D=Conv1D
Convolution1DTranspose=Conv1DTranspose Convolution2D=Conv2D Convolution2DTranspose=Conv2DTranspose
Convolution3D=Conv3D Convolution3DTranspose=Conv3DTranspose Cropping1D=Cropping1D
ConvLSTM1D=ConvLstm1D ConvLSTM2D=ConvLstm2D ConvLSTM3D=ConvLstm3D CutMix=CutMix Equalization=Equalization
MixUp=MixUp RandAugment=RandAugment RandomElasticTransform=RandomElasticTransform
RandomPerspective=RandomPerspective
Cropping2D=Cropping2D Cropping3D=Cropping3D Dense=Dense DepthwiseConv1D=DepthwiseConv1D
DepthwiseConv2D=DepthwiseConv2D Discretization=Discretization Dot=Dot Dropout=Dropout
ELU=Activation::Elu EinsumDense=EinsumDense Embedding=Embedding Flatten=Flatten GRU=Gru
GRUCell=GruCell GaussianDropout=GaussianDropout GaussianNoise=GaussianNoise
GlobalAveragePooling1D=GlobalAveragePool1D GlobalAveragePooling2D=GlobalAveragePool2D
GlobalAveragePooling3D=GlobalAveragePool3D GlobalAvgPool1D=GlobalAveragePool1D
GlobalAvgPool2D=GlobalAveragePool2D GlobalAvgPool3D=GlobalAveragePool3D
GlobalMaxPool1D=GlobalMaxPool1D GlobalMaxPool2D=GlobalMaxPool2D GlobalMaxPool3D=GlobalMaxPool3D
GlobalMaxPooling1D=GlobalMaxPool1D GlobalMaxPooling2D=GlobalMaxPool2D
GlobalMaxPooling3D=GlobalMaxPool3D GroupNormalization=GroupNorm
GroupQueryAttention=MultiHeadAttention::grouped HashedCrossing=Hashing Hashing=Hashing
Identity=Identity InputLayer=Input IntegerLookup=IntegerLookup LSTM=Lstm LSTMCell=LstmCell
Lambda=Lambda Layer=Layer LayerNormalization=LayerNorm LeakyReLU=Activation::LeakyRelu
Masking=Masking MaxPool1D=MaxPool1D MaxPool2D=MaxPool2D MaxPool3D=MaxPool3D
MaxPooling1D=MaxPool1D MaxPooling2D=MaxPool2D MaxPooling3D=MaxPool3D Maximum=Maximum
Minimum=Minimum MultiHeadAttention=MultiHeadAttention Multiply=Multiply Normalization=Normalization
PReLU=PRelu Permute=Permute Pipeline=Model::layer RMSNormalization=RmsNorm RNN=Recurrent::of
RandomBrightness=RandomBrightness RandomContrast=RandomContrast RandomCrop=RandomCrop
RandomErasing=RandomErasing RandomFlip=RandomFlip RandomGrayscale=RandomGrayscale
RandomHue=RandomHue RandomInvert=RandomInvert RandomPosterization=RandomPosterization
RandomRotation=RandomRotation RandomSaturation=RandomSaturation RandomShear=RandomShear
RandomColorDegeneration=RandomSaturation RandomTranslation=RandomTranslation RandomZoom=RandomZoom
ReLU=Activation::ClippedRelu RepeatVector=RepeatVector Rescaling=Rescaling Reshape=Reshape
Resizing=Resizing ReversibleEmbedding=ReversibleEmbedding SeparableConv1D=SeparableConv1D
SeparableConv2D=SeparableConv2D SeparableConvolution1D=SeparableConv1D
SeparableConvolution2D=SeparableConv2D SimpleRNN=SimpleRnn SimpleRNNCell=SimpleRnnCell
Softmax=Activation::Softmax Solarization=Solarization SpatialDropout1D=SpatialDropout1D
SpatialDropout2D=SpatialDropout2D SpatialDropout3D=SpatialDropout3D
SpectralNormalization=SpectralNorm StringLookup=text::StringLookup Subtract=Subtract
TextVectorization=text::TextVectorization TimeDistributed=TimeDistributed UnitNormalization=UnitNorm
UpSampling1D=UpSampling1D UpSampling2D=UpSampling2D UpSampling3D=UpSampling3D Wrapper=Layer
ZeroPadding1D=ZeroPadding1D ZeroPadding2D=ZeroPadding2D ZeroPadding3D=ZeroPadding3D
StackedRNNCells=Recurrent MaxNumBoundingBoxes=MaxNumBoundingBoxes
""",
    "losses": """
BinaryCrossentropy=Loss::BinaryCrossentropy BinaryFocalCrossentropy=Loss::BinaryFocalCrossentropy
CTC=Loss::Ctc CategoricalCrossentropy=Loss::CategoricalCrossentropy
CategoricalFocalCrossentropy=Loss::CategoricalFocalCrossentropy
CategoricalGeneralizedCrossEntropy=Loss::CategoricalGeneralizedCrossentropy
CategoricalHinge=Loss::CategoricalHinge Circle=Loss::Circle CosineSimilarity=Loss::CosineSimilarity
Dice=Loss::Dice Hinge=Loss::Hinge Huber=Loss::Huber KLDivergence=Loss::KlDivergence
LogCosh=Loss::LogCosh Loss=Loss::custom MeanAbsoluteError=Loss::MeanAbsoluteError
MeanAbsolutePercentageError=Loss::MeanAbsolutePercentageError
MeanSquaredError=Loss::MeanSquaredError
MeanSquaredLogarithmicError=Loss::MeanSquaredLogarithmicError Poisson=Loss::Poisson
SparseCategoricalCrossentropy=Loss::SparseCategoricalCrossentropy SquaredHinge=Loss::SquaredHinge
Tversky=Loss::Tversky
""",
    "metrics": """
AUC=Metric::Auc Accuracy=Metric::Accuracy BinaryAccuracy=Metric::BinaryAccuracy
BinaryCrossentropy=Metric::Loss BinaryIoU=Metric::BinaryIou
CategoricalAccuracy=Metric::CategoricalAccuracy CategoricalCrossentropy=Metric::Loss
CategoricalHinge=Metric::Loss ConcordanceCorrelation=Metric::ConcordanceCorrelation
CosineSimilarity=Metric::Loss F1Score=Metric::f1 FBetaScore=Metric::FBeta
FalseNegatives=Metric::FalseNegatives FalsePositives=Metric::FalsePositives Hinge=Metric::Loss
IoU=Metric::Iou KLDivergence=Metric::Loss LogCoshError=Metric::Loss Mean=Metric::custom
MeanAbsoluteError=Metric::MeanAbsoluteError MeanAbsolutePercentageError=Metric::Loss
MeanIoU=Metric::MeanIou MeanMetricWrapper=Metric::custom MeanSquaredError=Metric::MeanSquaredError
MeanSquaredLogarithmicError=Metric::Loss Metric=Metric::custom_sums OneHotIoU=Metric::Iou
OneHotMeanIoU=Metric::MeanIou PearsonCorrelation=Metric::PearsonCorrelation Poisson=Metric::Loss
Precision=Metric::Precision PrecisionAtRecall=Metric::PrecisionAtRecall R2Score=Metric::R2Score
Recall=Metric::Recall RecallAtPrecision=Metric::RecallAtPrecision
RootMeanSquaredError=Metric::RootMeanSquaredError
SensitivityAtSpecificity=Metric::SensitivityAtSpecificity
SparseCategoricalAccuracy=Metric::CategoricalAccuracy SparseCategoricalCrossentropy=Metric::Loss
SparseTopKCategoricalAccuracy=Metric::TopKCategoricalAccuracy
SpecificityAtSensitivity=Metric::SpecificityAtSensitivity SquaredHinge=Metric::Loss
Sum=Metric::custom_sums TopKCategoricalAccuracy=Metric::TopKCategoricalAccuracy
TrueNegatives=Metric::TrueNegatives TruePositives=Metric::TruePositives
""",
    "optimizers": """
Adadelta=Adadelta Adafactor=Adafactor Adagrad=Adagrad Adam=Adam AdamW=AdamW Adamax=Adamax Ftrl=Ftrl
Lamb=Lamb Lion=Lion Muon=Muon Nadam=Nadam Optimizer=Optimizer RMSprop=RmsProp SGD=Sgd
MultiOptimizer=Tune::rate_multiplier ScheduleFreeAdamW=ScheduleFreeAdamW
""",
    "optimizers.schedules": """
CosineDecay=Schedule::Cosine CosineDecayRestarts=Schedule::CosineRestarts
ExponentialDecay=Schedule::Exponential InverseTimeDecay=Schedule::InverseTime
LearningRateSchedule=Schedule::Custom PiecewiseConstantDecay=Schedule::Piecewise
PolynomialDecay=Schedule::Polynomial
""",
    "callbacks": """
BackupAndRestore=BackupAndRestore CSVLogger=CsvLogger Callback=Callback EarlyStopping=EarlyStopping
History=History LambdaCallback=LambdaCallback LearningRateScheduler=LearningRateScheduler
ModelCheckpoint=ModelCheckpoint ProgbarLogger=Verbose ReduceLROnPlateau=ReduceLROnPlateau
SwapEMAWeights=Model::use_averages TensorBoard=TensorBoard TerminateOnNaN=TerminateOnNaN
""",
    "initializers": """
Constant=Init::Constant GlorotNormal=Init::GlorotNormal GlorotUniform=Init::GlorotUniform
HeNormal=Init::HeNormal HeUniform=Init::HeUniform Identity=Init::Identity Initializer=Init
LecunNormal=Init::LecunNormal LecunUniform=Init::LecunUniform Ones=Init::Ones
Orthogonal=Init::Orthogonal RandomNormal=Init::Normal RandomUniform=Init::Uniform
STFT=Init::Stft TruncatedNormal=Init::TruncatedNormal VarianceScaling=Init::VarianceScaling Zeros=Init::Zeros
""",
    "regularizers": """
L1=Regularizer::L1 L1L2=Regularizer::L1L2 L2=Regularizer::L2
OrthogonalRegularizer=Regularizer::Orthogonal Regularizer=Regularizer
""",
    "constraints": """
Constraint=Constraint MaxNorm=Constraint::MaxNorm MinMaxNorm=Constraint::MinMaxNorm
NonNeg=Constraint::NonNeg UnitNorm=Constraint::UnitNorm
""",
}
NONE = {
    **{name: "runs another framework" for name in ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]},
    "LossScaleOptimizer": "weights are f32; nothing is scaled",
    "CallbackList": "internal to Keras",
    "OrbaxCheckpoint": "a format of JAX",
    "RemoteMonitor": "nothing goes over the network",
}
DEVIATIONS = """
## Where ours differs

- A schedule is a factor of the optimizer's learning rate, which is the greatest one: write
  `Adam::new(0.01).schedule(..)` for `initial_learning_rate=0.01`.
- Metrics of probabilities take the sigmoid or softmax of the output first, when the loss takes logits.
- `Metric::FBeta` is one number: averages are `Micro`, `Macro` and `Weighted`. `RootMeanSquaredError`,
  `R2Score`, `Auc` and their like are of all samples of an epoch, as in Keras.
- A mask goes on through every layer that keeps batch and time.
- `SpectralNorm` keeps the undivided kernel as the weight; Keras overwrites it.
- `Sparsemax` adds up to 1; that of Keras 3.15.1 takes too much off when several elements are in the
  support.
- `Hashing` hashes whole numbers with a hash of its own. `StringLookup` and `TextVectorization` run on
  the host: `Model::set_text` keeps one with its model, and saves it.
- `MelSpectrogram` counts `top_db` from the greatest number of each sound, not from that of the whole batch.
- The kernels of `MultiHeadAttention` start as those of a convolution of their shape,
  smaller than Keras's, which counts all heads as outputs of one matrix.
- Strides, windows and paddings are arrays with a number for each axis; a wrong count does not compile.
- `Equalization` counts each picture by itself, Keras the whole batch; `MixUp` and `CutMix` are layers of pictures and
  labels with two results; `RandAugment` chooses for each picture.
- The random layers draw from the model's own generator: other numbers than Keras's, the same on every
  machine.
- The hinge losses, label smoothing, class and sample weights, gradient accumulation and moving averages
  are as in Keras. `Loss::Triplet`, `Lbfgs`, `Schedule::OneCycle`, `Metric::Perplexity`,
  `Metric::Specificity`, `TransformerEncoder`, `TransformerDecoder`, `RotaryPositions`,
  `SinePositions` and `TokenAndPositionEmbedding` are ours besides.
"""


def classes(module, base):
    found = {}
    for name in sorted(dir(module)):
        item = getattr(module, name)
        if inspect.isclass(item) and issubclass(item, base):
            # Initializers and their like have several spellings.
            if module.__name__.split(".")[-1] in ("initializers", "regularizers", "constraints"):
                name = item.__name__
            found[name] = item
    return sorted(found)


def main():
    k = keras
    modules = [
        ("layers", k.layers, k.layers.Layer),
        ("losses", k.losses, k.losses.Loss),
        ("metrics", k.metrics, k.metrics.Metric),
        ("optimizers", k.optimizers, k.optimizers.Optimizer),
        ("optimizers.schedules", k.optimizers.schedules, k.optimizers.schedules.LearningRateSchedule),
        ("callbacks", k.callbacks, k.callbacks.Callback),
        ("initializers", k.initializers, k.initializers.Initializer),
        ("regularizers", k.regularizers, k.regularizers.Regularizer),
        ("constraints", k.constraints, k.constraints.Constraint),
    ]
    body, had, total = [], 0, 0
    for title, module, base in modules:
        ours = dict(pair.split("=") for pair in OURS[title].split())
        rows, count = [], 0
        for name in classes(module, base):
            if name in ours:
                count += 1
                rows.append(f"| `{name}` | `{ours[name]}` |")
            else:
                rows.append(f"| `{name}` | none: {NONE[name]} |")
        had, total = had + count, total + len(rows)
        body.append(f"## `keras.{title}`: {count} of {len(rows)}\n\n| Keras | Craneflow |\n|---|---|\n" + "\n".join(rows) + "\n")
    head = f"""# Keras and Craneflow

Every public class of Keras {keras.__version__}, aliases included, and what Craneflow has for it: {had} of {total}, or
{100 * had // total} %. Layers are in `nn::layers`, optimizers in `nn::optim`. The values of layers, losses, metrics and
optimizers are compared with Keras's in `nn/tests/goldens.rs`; `docs/keras_table.py` writes this page.
"""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras.md")
    with open(path, "w") as file:
        file.write(head + DEVIATIONS + "\n" + "\n".join(body))
    print(had, total)


main()
