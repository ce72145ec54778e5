"""Data views: threads or rows as samples, one file a view. `read_samples` chooses the one that the recipe names."""

from jobs.training.views.read import read_samples, source_digest, stream_samples
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import IGNORED, Sample

__all__ = ["IGNORED", "Sample", "ViewReport", "read_samples", "source_digest", "stream_samples"]
