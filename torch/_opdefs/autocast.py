"""Which operators `torch.autocast` converts arguments of, and to what. Operators not listed run in the dtypes they are given.

Products lose little in a lower precision and gain most; losses, decompositions and transforms need the range or the digits
of float32; a join of several tensors takes the widest of their dtypes.
"""

LOWER = frozenset("""
    addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d
    linalg_vecdot linear matmul mm prelu scaled_dot_product_attention
""".split())

FLOAT32 = frozenset("""
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky
    cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy_loss ctc_loss
    fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn
    fractional_max_pool2d fractional_max_pool3d geqrf grid_sampler grid_sampler_2d grid_sampler_3d hinge_embedding_loss huber_loss
    inverse kl_div l1_loss linalg_cholesky linalg_cholesky_ex linalg_cond linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh
    linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq linalg_matrix_rank linalg_qr linalg_solve linalg_svd linalg_svdvals
    linalg_tensorinv linalg_tensorsolve lu_solve margin_ranking_loss max_pool3d max_unpool2d max_unpool3d mse_loss multi_margin_loss
    multilabel_margin_loss multilabel_margin_loss_forward nanquantile nll_loss nll_loss2d orgqr ormqr pinverse poisson_nll_loss polar prod qr
    quantile reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d replication_pad3d smooth_l1_loss soft_margin_loss stft svd
    trace triangular_solve triplet_margin_loss view_as_complex
""".split())

WIDEST = frozenset("cat index_copy stack".split())

POLICIES = {"Lower": LOWER, "Float32": FLOAT32, "Widest": WIDEST}


def policy(name):
    """The policy of an operator: "Lower", "Float32", "Widest" or "AsGiven"."""
    return next((policy for policy, names in POLICIES.items() if name in names), "AsGiven")
