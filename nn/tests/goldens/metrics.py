"""Values of Keras's metrics over two batches: writes metrics.safetensors.

For every metric: labels y0, y1, outputs x0, x1, and the value after both batches.
"""

from common import File, classes, numbers

import keras
import numpy as np
from keras import metrics as M

file = File("metrics")


def metric(name, function, ys, xs, count=None):
    for y, x in zip(ys, xs):
        function.update_state(y, x)
    for i, (y, x) in enumerate(zip(ys, xs)):
        file.add(f"{name}/y{i}", y)
        file.add(f"{name}/x{i}", x)
    file.add(f"{name}/value", np.asarray(function.result(), "float32"))


def rows(seed, *shape):
    p = numbers(seed, *shape, low=0.05, high=1.0)
    return p / p.sum(-1, keepdims=True)


# Batches of one size: what is reported of a mean weighs batches by their samples.
a, b = [numbers(71, 6, 3), numbers(72, 6, 3)], [numbers(73, 6, 3), numbers(74, 6, 3)]
positive = [numbers(75, 6, 3, low=0.1, high=3), numbers(76, 6, 3, low=0.1, high=3)]
more = [numbers(77, 6, 3, low=0.1, high=3), numbers(78, 6, 3, low=0.1, high=3)]
bits = [classes(79, 2, 20, 1).astype("float32"), classes(80, 2, 20, 1).astype("float32")]
shares = [numbers(81, 20, 1, low=0, high=1), numbers(82, 20, 1, low=0, high=1)]
labels = [classes(83, 7, 12), classes(84, 7, 12)]
p = [rows(85, 12, 7), rows(86, 12, 7)]
onehot = [np.eye(7, dtype="float32")[y] for y in labels]

metric("mean_squared_error", M.MeanSquaredError(), a, b)
metric("mean_absolute_error", M.MeanAbsoluteError(), a, b)
metric("root_mean_squared_error", M.RootMeanSquaredError(), a, b)
metric("mean_absolute_percentage_error", M.MeanAbsolutePercentageError(), a, b)
metric("mean_squared_logarithmic_error", M.MeanSquaredLogarithmicError(), positive, more)
metric("log_cosh", M.LogCoshError(), a, b)
metric("cosine_similarity", M.CosineSimilarity(), a, b)
metric("hinge", M.Hinge(), bits, shares)
metric("squared_hinge", M.SquaredHinge(), bits, shares)
metric("categorical_hinge", M.CategoricalHinge(), onehot, p)
metric("kl_divergence", M.KLDivergence(), onehot, p)
metric("poisson", M.Poisson(), positive, more)
metric("binary_crossentropy", M.BinaryCrossentropy(), bits, shares)
metric("categorical_crossentropy", M.CategoricalCrossentropy(), onehot, p)
metric("sparse_categorical_crossentropy", M.SparseCategoricalCrossentropy(), labels, p)
metric("binary_accuracy", M.BinaryAccuracy(threshold=0.4), bits, shares)
metric("categorical_accuracy", M.CategoricalAccuracy(), onehot, p)
metric("sparse_categorical_accuracy", M.SparseCategoricalAccuracy(), labels, p)
metric("top_k_categorical_accuracy", M.TopKCategoricalAccuracy(k=3), onehot, p)
metric("sparse_top_k_categorical_accuracy", M.SparseTopKCategoricalAccuracy(k=2), labels, p)
metric("r2_score", M.R2Score(), a, b)
metric("pearson_correlation", M.PearsonCorrelation(), a, b)
metric("concordance_correlation", M.ConcordanceCorrelation(), a, b)
metric("true_positives", M.TruePositives(thresholds=0.3), bits, shares)
metric("false_positives", M.FalsePositives(), bits, shares)
metric("true_negatives", M.TrueNegatives(), bits, shares)
metric("false_negatives", M.FalseNegatives(), bits, shares)
metric("precision", M.Precision(thresholds=0.6), bits, shares)
metric("recall", M.Recall(), bits, shares)
metric("f1_score", M.F1Score(average="macro"), onehot, p)
metric("f1_score_micro", M.F1Score(average="micro"), onehot, p)
metric("fbeta_score", M.FBetaScore(average="weighted", beta=2.0, threshold=0.2), onehot, p)
metric("auc", M.AUC(), bits, shares)
metric("auc_pr", M.AUC(curve="PR", num_thresholds=50), bits, shares)
metric("sensitivity_at_specificity", M.SensitivityAtSpecificity(0.5), bits, shares)
metric("specificity_at_sensitivity", M.SpecificityAtSensitivity(0.6), bits, shares)
metric("precision_at_recall", M.PrecisionAtRecall(0.7), bits, shares)
metric("recall_at_precision", M.RecallAtPrecision(0.5), bits, shares)
metric("mean_iou", M.MeanIoU(num_classes=7, sparse_y_pred=False), labels, p)
metric("iou", M.IoU(num_classes=7, target_class_ids=[1, 4], sparse_y_pred=False), labels, p)
metric("one_hot_mean_iou", M.OneHotMeanIoU(num_classes=7), onehot, p)
metric("binary_iou", M.BinaryIoU(target_class_ids=[0, 1], threshold=0.5), bits, shares)

file.write()
