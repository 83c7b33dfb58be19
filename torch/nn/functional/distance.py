"""Distances and similarities between vectors."""

import torch

pairwise_distance, cosine_similarity, pdist = torch.pairwise_distance, torch.cosine_similarity, torch.pdist
