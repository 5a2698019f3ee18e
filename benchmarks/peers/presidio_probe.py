"""Runs in Presidio's own environment: its pattern recognisers over texts, without a language model.

Reads a JSON list of texts on stdin, writes for each what was found and how long that took: CPU seconds of a
second pass.
"""

import json
import logging
import sys
import time

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

# The list of top-level domains that comes with it, instead of two attempts to fetch a newer one.
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
logging.disable(logging.WARNING)


def analyzer() -> AnalyzerEngine:
    """Every recogniser for English that needs no model."""
    engine = SpacyNlpEngine()
    engine.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def main() -> None:
    """Answer the texts of stdin."""
    texts, engine = json.load(sys.stdin), analyzer()
    for text in texts:
        engine.analyze(text, language="en")
    results = []
    for text in texts:
        began = time.thread_time()
        found = engine.analyze(text, language="en")
        seconds = time.thread_time() - began
        spans = [[one.start, one.end, one.entity_type, one.score] for one in found]
        results.append({"found": spans, "seconds": seconds})
    print("RESULTS " + json.dumps(results))


if __name__ == "__main__":
    main()
