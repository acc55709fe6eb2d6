"""Programs of an image: found, recognised, and judged as a kernel or shell would start them."""
