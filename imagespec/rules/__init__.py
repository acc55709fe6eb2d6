"""The rules, one file each, listed explicitly in the order of the specification."""

from imagespec.rules import (
    archive_integrity,
    boot_command,
    boot_file,
    health_check,
    image_size,
    inference_api,
    log_output,
    malicious_code,
    packages,
    service_port,
)

ALL = (
    image_size.RULE,
    service_port.RULE,
    inference_api.RULE,
    health_check.RULE,
    log_output.RULE,
    boot_file.RULE,
    boot_command.RULE,
    packages.RULE,
    malicious_code.RULE,
    archive_integrity.RULE,
)
