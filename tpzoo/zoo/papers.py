"""The papers that built-in entries come from."""

from tpzoo import Paper

BENGIO_2014 = Paper(
    "How Auto-Encoders Could Provide Credit Assignment in Deep Networks via Target Propagation",
    "Yoshua Bengio",
    2014,
    "arXiv",
    "https://arxiv.org/abs/1407.7906",
)
LEE_2015 = Paper(
    "Difference Target Propagation",
    "Dong-Hyun Lee, Saizheng Zhang, Asja Fischer, Yoshua Bengio",
    2015,
    "ECML PKDD",
    "https://arxiv.org/abs/1412.7525",
    "inproceedings",
)
BARTUNOV_2018 = Paper(
    "Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
    "Sergey Bartunov, Adam Santoro, Blake A. Richards, Luke Marris, Geoffrey E. Hinton, Timothy Lillicrap",
    2018,
    "NeurIPS",
    "https://arxiv.org/abs/1807.04587",
    "inproceedings",
)
MEULEMANS_2020 = Paper(
    "A Theoretical Framework for Target Propagation",
    "Alexander Meulemans, Francesco S. Carzaniga, Johan A. K. Suykens, Joao Sacramento, Benjamin F. Grewe",
    2020,
    "NeurIPS",
    "https://arxiv.org/abs/2006.14331",
    "inproceedings",
)
MEULEMANS_2021 = Paper(
    "Credit Assignment in Neural Networks through Deep Feedback Control",
    "Alexander Meulemans, Matilde Tristany Farinha, Javier Garcia Ordonez, Pau Vilimelis Aceituno, Joao Sacramento, "
    "Benjamin F. Grewe",
    2021,
    "NeurIPS",
    "https://arxiv.org/abs/2106.07887",
    "inproceedings",
)
SHIBUYA_2023 = Paper(
    "Fixed-Weight Difference Target Propagation",
    "Tatsukichi Shibuya, Nakamasa Inoue, Rei Kawakami, Ikuro Sato",
    2023,
    "AAAI",
    "https://arxiv.org/abs/2212.10352",
    "inproceedings",
)
ERNOULT_2022 = Paper(
    "Towards Scaling Difference Target Propagation by Learning Backprop Targets",
    "Maxence Ernoult, Fabrice Normandin, Abhinav Moudgil, Sean Spinney, Eugene Belilovsky, Irina Rish, Blake Richards, "
    "Yoshua Bengio",
    2022,
    "ICML",
    "https://arxiv.org/abs/2201.13415",
    "inproceedings",
)
