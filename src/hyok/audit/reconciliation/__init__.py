"""The trail compared with what AWS CloudTrail recorded of the same calls: nobody can alter both."""
