"""A model in forms that run without this package, and the proof that they do.

    forms       the forms there are, and the writing of several
    code        `network.py`, to be read and run; layers: the class of a network; excerpt: what is ours, as it stands
    program     from samples to probabilities as one traced module, and as a file of torch
    onnx        the same for ONNX Runtime; openvino: that in files of OpenVINO
    quantized   the ONNX file in whole numbers, and what that costs
    receipt     each file tried in a fresh process, beside the model

It knows models and samples, and no run. Start with `forms`.
"""
