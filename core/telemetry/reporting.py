"""Error reports to Sentry and traces to OpenTelemetry, by their settings alone.

Neither is imported where its setting is empty. Each process calls `start` once.
"""

import logging
from typing import Any

from django.conf import settings

from core.telemetry.redaction import redacted

logger = logging.getLogger(__name__)
SERVICE = "mtp"


def start() -> None:
    """Start what the settings name; a package that is missing is logged and stops nothing."""
    for setting, begin in (
        (settings.SENTRY_DSN, _start_sentry),
        (settings.OTEL_EXPORTER_OTLP_ENDPOINT, _start_opentelemetry),
    ):
        if setting:
            try:
                begin()
            except ImportError as error:
                logger.error("%s; install requirements/app.txt.", error)


def _start_sentry() -> None:
    import sentry_sdk  # noqa: PLC0415 - only where it is set

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.ENVIRONMENT,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=lambda event, _: redacted(event),
        before_breadcrumb=lambda crumb, _: redacted(crumb),
    )


def _start_opentelemetry() -> None:
    """The exporter reads its other settings from the environment, as OpenTelemetry defines them."""
    from opentelemetry import trace  # noqa: PLC0415 - only where it is set
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - likewise
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.celery import CeleryInstrumentor  # noqa: PLC0415 - likewise
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - likewise
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise

    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    # After the middleware that gives a probe's request our host.
    DjangoInstrumentor().instrument(response_hook=_hide_secrets, middleware_position=2)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call] # the library
    PsycopgInstrumentor().instrument()


def _hide_secrets(span: Any, *_: Any) -> None:
    """Take secrets out of the span of a request, whose path may be a link that pays."""
    for name, value in dict(span.attributes or {}).items():
        span.set_attribute(name, redacted(value))
