"""What every word network starts from: layers that have heard real people, distilled from a speech embedding."""
