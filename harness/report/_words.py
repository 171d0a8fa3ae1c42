"""What readers are told of a metric: a label and a sentence. One not listed shows its own name."""

_WORDS = {
    "accuracy": ("Accuracy", "Share of cases decided rightly; read it against the majority rate."),
    "balanced_accuracy": ("Balanced acc.", "Mean over the classes of the share decided rightly."),
    "roc_auc": (
        "ROC AUC",
        "Chance that a positive case scores above a negative one, in the mean over classes; "
        "0.5 is guessing.",
    ),
    "average_precision": ("Avg. precision", "Area under precision against recall."),
    "f1": ("F1", "Harmonic mean of precision and sensitivity."),
    "sensitivity": ("Sensitivity", "Share of the positive cases that are found."),
    "specificity": ("Specificity", "Share of the negative cases that are left alone."),
    "ppv": ("PPV", "Share of the positive decisions that are right."),
    "mcc": ("MCC", "Correlation of decision and truth; 0 is guessing."),
    "cohen_kappa": ("Cohen's kappa", "Agreement beyond chance."),
    "brier": ("Brier score", "Mean squared error of the probabilities."),
    "log_loss": ("Log loss", "Mean surprise at the truth, in nats."),
    "ece": (
        "ECE",
        "Expected calibration error: mean distance between stated and observed frequency, bin by "
        "bin; of several classes the mean over them. To be read against its floor.",
    ),
    "ece_floor": (
        "ECE floor",
        "The ECE that a perfectly calibrated model with these probabilities would show by chance.",
    ),
    "ece_top_label": (
        "Top-label ECE",
        "The same of the likeliest class: how sure against how often right. Of two classes it is "
        "another number than the ECE.",
    ),
    "ece_top_label_floor": (
        "Top-label floor",
        "The top-label ECE that a perfectly calibrated model would show by chance.",
    ),
    "calibration_slope": (
        "Cal. slope",
        "1 is calibrated; below 1 high risks are stated too high and low ones too low.",
    ),
    "calibration_intercept": (
        "Cal. intercept",
        "0 is calibrated; above 0 risks are stated too low all in all, below 0 too high.",
    ),
    "brier_reliability": (
        "Brier: reliability",
        "The part of the Brier score that miscalibration costs.",
    ),
    "brier_resolution": (
        "Brier: resolution",
        "The part that telling cases apart gains; it is taken off.",
    ),
    "brier_uncertainty": (
        "Brier: uncertainty",
        "What always stating the overall frequency would score.",
    ),
    "brier_remainder": (
        "Brier: remainder",
        "What bins leave over: Brier is reliability - resolution + uncertainty + remainder.",
    ),
    "observed_rate": ("Was so", "Share of the cases of a bin that had the finding."),
    "mean_probability": ("Mean said", "Mean probability that the cases of a bin were given."),
    "mean_rank": ("Mean rank", "Mean over datasets of a model's place by value."),
    "dice": ("Dice", "Overlap of two masks, by case, then averaged; 1 is the same mask."),
    "iou": ("IoU", "Intersection over union of two masks, by case."),
    "hd95": ("HD95", "95th percentile of the distance between borders, the larger way."),
    "nsd": ("NSD", "Share of both borders that are within the tolerance of one another."),
    "volume_error_ml": ("Volume error", "Absolute difference of the volumes."),
    "volume_error_percent": ("Volume error, %", "Absolute difference, of the true volume."),
    "pixel_accuracy": (
        "Pixel accuracy",
        "Share of voxels decided rightly; finding nothing is nearly 1 where the class is small.",
    ),
    "background_rate": ("Background", "Pixel accuracy of finding nothing."),
    "lesion_sensitivity": ("Lesions found", "Share of true lesions, of all cases together."),
    "lesion_false_positives": ("False lesions", "Predicted lesions that are none, a case."),
    "missed_cases": ("Missed cases", "Share of cases with the class in which nothing is found."),
    "false_alarm_cases": ("False alarms", "Share of cases without it in which some is found."),
    "prevalence": ("Prevalence", "Share of the cases that are positive."),
    "equal_opportunity_difference": (
        "Equal opportunity",
        "Largest difference between groups in the share of positive cases that are found; "
        "0 is equal.",
    ),
    "equalized_odds_difference": (
        "Equalised odds",
        "The larger of that and the same of negative cases that are called positive; 0 is equal.",
    ),
    "mean_absolute_error": (
        "Grades off",
        "Mean distance of the decided from the true grade; read it against the median grade's.",
    ),
    "median_grade_error": ("Median grade", "What always giving the median grade would be off."),
    "majority_rate": ("Majority rate", "Accuracy of always giving the most frequent answer."),
    "parameters_trainable": ("Parameters", "Numbers that training may change."),
    "parameters_total": ("All parameters", "Trainable, frozen and masks together."),
    "parameters_effective": ("Effective", "Trainable numbers that no mask holds at zero."),
    "size_bytes": ("Size", "Of the exported ONNX file."),
    "flops": ("FLOPs", "Floating-point operations for one case."),
    "latency_p50": ("p50", "Half of the calls are faster."),
    "latency_p90": ("p90", "Nine calls of ten are faster."),
    "latency_p95": ("p95", "19 calls of 20 are faster."),
    "latency_p99": ("p99", "99 calls of 100 are faster."),
    "latency_cold": ("Cold", "The first call after loading."),
    "latency_load": ("Load", "Opening the model file."),
    "throughput": ("Throughput", "Images, of masks windows, per second, one batch after another."),
    "windows_per_case": (
        "Windows a case",
        "How many windows, slices or boxes, a case is given in; a call is of one, times the batch.",
    ),
    "peak_memory": ("Peak memory", "The most memory held at once."),
    "parity_max_abs": (
        "Largest change",
        "Largest difference of an output, ONNX file against torch.",
    ),
    "parity_flips": ("Flips", "Cases decided differently by the ONNX file and torch."),
}


def label(metric: str) -> str:
    """What a column of this metric is called."""
    return _WORDS[metric][0] if metric in _WORDS else metric.replace("_", " ")


def explain(metric: str) -> str:
    """One sentence for readers who do not know the metric, or nothing."""
    return _WORDS[metric][1] if metric in _WORDS else ""
